// Colours of classes, by their order: neighbours in the order differ most. All are light enough for black letters.

const PALETTE = [
  "#ffb000", "#56b4ff", "#ff6f61", "#3ddc97", "#d991ff", "#fff04d", "#00d5d5", "#ff9ecb", "#a8e05f", "#ff8a1f",
  "#9db2ff", "#f2c9a0", "#5fe3ff", "#e0729b", "#c9c94a", "#b8f2c8", "#e8a2ff", "#d9a066", "#7ccf9b", "#ffd6e8",
];

/** The colour of the class at a place of the order. After the palette, hues at the golden angle. */
export function colourOf(order) {
  if (order < PALETTE.length) return PALETTE[order];
  return `hsl(${(order * 137.508) % 360} ${order % 2 ? 95 : 70}% ${[68, 78, 60][order % 3]}%)`;
}
