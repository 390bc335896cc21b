// What is known about an image, and the links to what the server has of it.
import { $, make, root } from "./dom.js";

export function showAbout(data, info) {
  const rows = [["Group", data.groupLabel], ...data.metadata,
    ["Rights", data.rights], ["Attribution", data.attribution], ["Size", `${info.width} × ${info.height}`]];
  const links = (pairs) => pairs.flatMap(([name, path]) => [make("a", { href: root + path, textContent: name }), " "]);
  const list = rows.filter(([, value]) => value)
    .flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value, dir: "auto" })]);
  if (data.presets.length) list.push(make("dt", { textContent: "Derivatives" }), make("dd", {}, ...links(data.presets)));
  const documents = [["Manifest", data.manifest], ["info.json", `iiif/3/${data.segment}/info.json`]];
  list.push(make("dt", { textContent: "Documents" }), make("dd", {}, ...links(documents)));
  $("about").replaceChildren(...list);
}

/** Links to the captures of the same side. */
export function showCaptures(data, query) {
  $("captures").hidden = data.captures.length < 2;
  $("captures").querySelector("ul").replaceChildren(...data.captures.map(([name, segment]) => {
    const link = make("a", { href: segment + query, textContent: name });
    if (segment === data.segment) link.setAttribute("aria-current", "page");
    return make("li", {}, link);
  }));
}
