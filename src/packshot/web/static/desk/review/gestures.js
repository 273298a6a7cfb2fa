// The mouse, the wheel and touches on the stage: they select, zoom, pan and move the wipe.

import { isPhone } from "./layout.js";

const DRAGGED_PX = 4;

export class StageGestures {
  #stage;

  constructor(stage) {
    this.#stage = stage;
    stage.root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    stage.root.addEventListener("pointerdown", (event) => this.#press(event));
    stage.root.addEventListener("dblclick", (event) => this.#zoomThere(event));
    stage.root.addEventListener("click", (event) => this.#tap(event));
  }

  #wheel(event) {
    const view = viewAt(event);
    if (!view || isPhone()) return;
    event.preventDefault();
    this.#stage.zoomBy(Math.exp(-event.deltaY / 300), ...within(view, event));
  }

  /** A touch selects, as a click does. */
  #tap(event) {
    if (event.pointerType === "touch") this.#pick(viewAt(event));
  }

  #pick(view) {
    const frame = view?.closest(".frame[data-variant]");
    if (frame) this.#stage.pick(Number(frame.dataset.variant));
  }

  /** A double click zooms there, or back. */
  #zoomThere(event) {
    const view = viewAt(event);
    if (view) this.#stage.toggleZoom(...within(view, event));
  }

  /** A click selects; a drag pans, or moves the edge of the wipe. */
  #press(event) {
    const view = viewAt(event);
    if (!view || event.button !== 0 || event.pointerType === "touch") return;
    event.preventDefault();
    const wiping = this.#stage.isWiping;
    let moved = 0;
    const move = (drag) => {
      if (wiping) this.#stage.moveWipeTo(within(view, drag)[0] * 100);
      moved += Math.abs(drag.movementX) + Math.abs(drag.movementY);
      this.#stage.drag(view, drag.movementX, drag.movementY);
    };
    const up = () => {
      removeEventListener("pointermove", move);
      if (moved <= DRAGGED_PX) this.#pick(view);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up, { once: true });
  }
}

const viewAt = (event) => event.target.closest?.(".view");

/** Where in the view the event is, 0 to 1 in both directions. */
function within(view, event) {
  const box = view.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}
