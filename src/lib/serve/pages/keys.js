// The keys of the page of an image: one table for the keyboard and for the help.

/** `[keys, name of the action, what it does, whether it needs the review]`. Keys as `KeyboardEvent.key`, with Ctrl+ before. */
export const KEYS = [
  [["n"], "next", "next image of the filter"],
  [["p"], "previous", "image before"],
  [["+", "="], "in", "zoom in"],
  [["-"], "out", "zoom out"],
  [["0", "f", "Home"], "fit", "show all of the image"],
  [["z"], "zoomTo", "zoom to the chosen box"],
  [["b"], "boxes", "show or hide boxes"],
  [["h"], "others", "hide all but the chosen boxes, or show them"],
  [[".", "]"], "nextBox", "choose the next box (Tab on the image too)"],
  [[",", "["], "previousBox", "choose the box before"],
  [["x"], "covered", "choose the next box at the same place"],
  [["i"], "invert", "invert the image, or no longer"],
  [["?"], "help", "show the keys"],
  [["g"], "grid", "back to all images"],
  [["Ctrl+a"], "all", "choose all boxes"],
  [["a"], "accept", "accept the chosen suggestions and go to the next", true],
  [["A"], "acceptAll", "accept all of the image and go to the next image", true],
  [["r"], "reviewed", "mark the image as reviewed and go to the next", true],
  [["q"], "doubtful", "mark the image as doubtful and go to the next", true],
  [["d"], "draw", "draw boxes, or no longer", true],
  [["o"], "outline", "draw outlines point by point; Enter ends one", true],
  [["l"], "line", "draw lines and baselines; Enter ends one", true],
  [["/"], "class", "go to the class of the next box", true],
  [["c", "Enter", "F2"], "rename", "change the class of the chosen box", true],
  [["t"], "text", "go to the text of the chosen box", true],
  [["Delete", "Backspace"], "delete", "delete the chosen boxes, or the chosen point", true],
  [["v"], "grip", "choose the next corner, edge or point of the box; arrow keys move it", true],
  [["V"], "gripBack", "choose the one before", true],
  [["m"], "point", "new point after the chosen one", true],
  [["Ctrl+c"], "copy", "copy the chosen boxes", true],
  [["Ctrl+v"], "paste", "paste them on this image", true],
  [["y"], "copyNext", "copy the chosen boxes to the next image", true],
  [["Ctrl+z", "u"], "undo", "undo", true],
  [["Ctrl+Z", "Ctrl+y", "U"], "redo", "redo", true],
];

/** What has no entry in the table. */
export const FURTHER = [
  ["1 – 9", "class of the chosen boxes; while drawing, of the next box"],
  ["arrow keys", "move the image, or the chosen boxes or point by a pixel of the screen; with Shift by ten"],
  ["Ctrl + arrow keys", "move the right or lower edge of the chosen box"],
  ["arrow keys, Enter", "while drawing: move the cross, set a point"],
  ["Space, middle button", "hold and drag to move the image, also while drawing"],
  ["Shift + click", "choose several boxes"],
  ["Esc", "give up what is being drawn or moved; choose nothing; Tab then leaves the image"],
];

const spoken = { " ": "Space" };

/** What keys are called by their places, where the layout has no Latin letters. */
const PLACES = { Comma: ",", Period: ".", Slash: "/", BracketLeft: "[", BracketRight: "]", Equal: "=", Minus: "-" };

/**
 * The key that was pressed, whatever the layout: by its place where the layout has no Latin letter there. Caps Lock makes no
 * upper case, Shift does.
 */
function keyOf(event) {
  const { key, code, shiftKey } = event;
  const isForeign = key.length === 1 && key > "~";
  const placed = isForeign ? /^(?:Key|Digit)(.)$/.exec(code)?.[1] ?? PLACES[code] ?? key : key;
  if (!/^[a-z]$/i.test(placed)) return placed;
  const isUpper = isForeign || event.getModifierState("CapsLock") ? shiftKey : shiftKey || placed < "a";
  return isUpper ? placed.toUpperCase() : placed.toLowerCase();
}

/** The digit that was pressed, 1 to 9; on some layouts digits need Shift, which is not asked for here. */
export function digitOf(event) {
  if (event.ctrlKey || event.metaKey || event.key.length !== 1) return null;
  if (event.key >= "1" && event.key <= "9") return Number(event.key);
  const placed = /^Digit([1-9])$/.exec(event.code)?.[1];
  return placed && !event.shiftKey && !actionOf(event) ? Number(placed) : null;
}

/** The name of an action for a press of a key, if it has one. */
export function actionOf(event) {
  const name = `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${keyOf(event)}`;
  const found = KEYS.find(([keys]) => keys.includes(name));
  return found && { action: found[1], needsReview: Boolean(found[3]) };
}

/** Fills a list of descriptions with the keys. */
export function describe(list, reviews) {
  const rows = KEYS.filter(([, , , needsReview]) => reviews || !needsReview).map(([keys, , says]) => [keys.map((key) => spoken[key] ?? key).join("  "), says]);
  for (const [keys, says] of [...rows, ...FURTHER]) {
    const [term, words] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = keys;
    words.textContent = says;
    list.append(term, words);
  }
}
