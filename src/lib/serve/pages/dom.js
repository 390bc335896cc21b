// What every script of the pages needs of the document.

/** The way from the page to the root of the server, with a slash at its end. */
export const root = document.documentElement.dataset.root;

export const $ = (id) => document.getElementById(id);

/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Calls `then` when the focus leaves a form for something else of the page. Who looks into another window comes back. */
export function onLeave(form, then) {
  form.addEventListener("focusout", ({ relatedTarget }) => document.hasFocus() && !form.contains(relatedTarget) && then());
}

/** `1 box`, `2 boxes`. */
export const counted = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** A document of the server. */
export async function read(path) {
  const reply = await fetch(root + path);
  if (!reply.ok) throw new Error((await reply.text()).trim() || `the server answered ${reply.status}`);
  return reply.json();
}

/** A store of this browser. Private windows may keep nothing: then what is set is forgotten. */
const kept = (store) => ({
  get(name) {
    try {
      return store().getItem(name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      store().setItem(name, value);
    } catch {
      // Forgotten.
    }
  },
  remove(name) {
    try {
      store().removeItem(name);
    } catch {
      // It was not kept.
    }
  },
  names() {
    try {
      return Object.keys(store());
    } catch {
      return [];
    }
  },
});

/** What is kept for ever, and what is kept until the tab is closed. */
export const setting = kept(() => localStorage);
export const session = kept(() => sessionStorage);
