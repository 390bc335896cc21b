// Finds names by a few of their letters, in order but not side by side: `amon` finds `Aegina montana`.

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/** How well a name fits what was typed; none: not at all. Whole beginnings count most, then beginnings of words. */
function score(name, typed) {
  if (name === typed) return 1000;
  if (name.startsWith(typed)) return 900 - name.length;
  const within = name.indexOf(typed);
  if (within > 0) return (/[\s_\-./:]/.test(name[within - 1]) ? 800 : 600) - within;
  let at = -1, points = 400;
  for (const letter of typed) {
    const next = name.indexOf(letter, at + 1);
    if (next < 0) return null;
    points -= next - at - 1;
    at = next;
  }
  return points;
}

/** The names that fit, the best first; all in their order if nothing was typed. */
export function find(names, typed) {
  const wanted = plain(typed.trim());
  if (!wanted) return names;
  const scored = names.map((name, order) => ({ name, order, points: score(plain(name), wanted) }));
  return scored.filter((s) => s.points !== null).sort((a, b) => b.points - a.points || a.order - b.order).map((s) => s.name);
}
