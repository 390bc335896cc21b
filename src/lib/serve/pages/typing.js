// The keyboard of the page of an image: which action a key means where.
import { $, setting } from "./dom.js";
import { actionOf, describe, digitOf } from "./keys.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const isTyping = ({ tagName, type }) =>
  ["TEXTAREA", "SELECT"].includes(tagName) || (tagName === "INPUT" && !["checkbox", "radio"].includes(type));

/**
 * Listens to the keyboard.
 * @param desk `{actions, viewer, review, mayEdit, escape}`.
 */
export function takeKeys(desk) {
  const { viewer } = desk;
  const canvas = $("canvas");
  let leaves = false;
  canvas.addEventListener("focus", () => (leaves = false));
  addEventListener("keyup", (event) => event.key === " " && pan(false));
  addEventListener("blur", () => pan(false));
  addEventListener("keydown", (event) => {
    if ($("keys").open) return;
    if (event.key === "Escape") return escape();
    if (isTyping(event.target)) return;
    const onCanvas = event.target === canvas || event.target === document.body;
    const done = (onCanvas && onImage(event)) || perform(event);
    if (done) event.preventDefault();
  });
  showHelp(desk);

  function pan(yes) {
    viewer.pointer.pansWithSpace = yes;
    canvas.classList.toggle("pans", yes);
  }

  /** Gives up the smallest thing first. A warning is read with it. */
  function escape() {
    if (isTyping(document.activeElement)) return canvas.focus();
    if (!viewer.pointer.cancel()) {
      if (!viewer.drawing && !viewer.chosen.size) leaves = true;
      desk.review.endDrawing();
      viewer.choose(null);
    }
    desk.escape();
  }

  /** Keys that mean something only on the image. */
  function onImage(event) {
    if (event.key === " ") {
      pan(true);
      return true;
    }
    if (event.key === "Tab" && event.target === canvas && !event.ctrlKey && !event.altKey) {
      return !leaves && !viewer.drawing && desk.review.step(event.shiftKey ? -1 : 1);
    }
    const arrow = ARROWS[event.key];
    if (arrow) return step(arrow, event);
    if (event.key === "Enter" && viewer.drawing) {
      placeOrEnd();
      return true;
    }
    return false;
  }

  function step([x, y], event) {
    const [dx, dy] = [x, y].map((n) => n * (event.shiftKey ? 10 : 1));
    if (viewer.drawing) viewer.moveCross(dx * 8, dy * 8);
    else if (!desk.mayEdit() || !desk.review.nudge(dx, dy, event.ctrlKey || event.metaKey)) viewer.pan(x * 80, y * 80);
    return true;
  }

  /** Enter sets a point at the cross; where the last point is, it ends an outline or a line. */
  function placeOrEnd() {
    const { drawing } = viewer;
    const last = drawing.given.at(-1);
    const atLast = last && drawing.kind !== "box" && (!drawing.cross || String(last) === String(drawing.cross));
    if (atLast) viewer.finish();
    else viewer.placeCross();
  }

  function perform(event) {
    const isLetter = event.key.length === 1 && !event.ctrlKey && !event.metaKey;
    if (event.altKey || (isLetter && !$("letters").checked)) return false;
    // Enter on a button or a link is theirs.
    if (event.key === "Enter" && event.target !== canvas) return false;
    const digit = digitOf(event);
    if (digit && desk.mayEdit()) {
      desk.review.digit(digit);
      return true;
    }
    const found = actionOf(event);
    if (!found || (found.needsReview && !desk.mayEdit())) return false;
    desk.actions[found.action]();
    return true;
  }
}

function showHelp({ mayEdit }) {
  $("letters").checked = setting.get("letters") !== "off";
  $("letters").addEventListener("change", () => setting.set("letters", $("letters").checked ? "on" : "off"));
  // Filled when it is first needed: only then it is known who may edit.
  document.querySelector("[data-do=help]").addEventListener("click", fill);
  addEventListener("keydown", (event) => event.key === "?" && fill());
  function fill() {
    $("keylist").replaceChildren();
    describe($("keylist"), mayEdit());
  }
}
