// The keys of the desk; each does what its label says.

import { REASONS } from "../constants.js";
import { go } from "../place.js";
import { shortcuts } from "../shortcuts.js";

const NUMBERS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

export function listenOnDesk(desk) {
  const asking = () => desk.reasons.isOpen;
  listenToDecisions(desk, () => !asking());
  listenToReasons(desk.reasons, asking);
  listenToLooks(desk);
  listenToMoves(desk, () => !asking());
}

/** These keys work only while the reasons are open. */
function listenToReasons(reasons, when) {
  const most = REASONS.length;
  shortcuts.add("Why rejected, after R", [
    {
      keys: NUMBERS,
      shown: `1 – ${most}`,
      words: "Reject with this reason",
      run: ({ number }) => reasons.giveNumber(number),
      when,
    },
    {
      keys: ["r", "Enter"],
      shown: "R or Enter",
      words: "Reject without one",
      run: () => reasons.give(null),
      when,
    },
    { keys: ["Escape"], shown: "Esc", words: "Back", run: () => reasons.close(), when },
  ]);
}

function listenToDecisions(desk, when) {
  const { deciding } = desk;
  shortcuts.add("Decide", [
    {
      keys: ["a"],
      shown: "A",
      words: "Approve what is not left out, and go on",
      run: () => deciding.approve(),
      when,
    },
    { keys: ["shift+a"], shown: "⇧A", words: "Approve only this picture", run: () => deciding.only(), when },
    {
      keys: ["x"],
      shown: "X",
      words: "Leave this picture out, or include it",
      run: () => deciding.leave(),
      when,
    },
    { keys: ["r"], shown: "R", words: "Reject: asks why", run: () => deciding.openReasons(), when },
    { keys: ["shift+r"], shown: "⇧R", words: "Reject and make again", run: () => deciding.redo(), when },
    { keys: ["s"], shown: "S", words: "Skip for now", run: () => deciding.skip(), when },
    { keys: ["u", "ctrl+z"], shown: "U or Ctrl+Z", words: "Undo", run: () => desk.undo(), when },
  ]);
}

function listenToLooks({ stage }) {
  shortcuts.add("Look", [
    {
      keys: ["Space"],
      shown: "Space",
      words: "Hold: the raw photo in place",
      run: () => stage.blink(true),
      release: () => stage.blink(false),
    },
    {
      keys: ["v"],
      shown: "V",
      words: "Side by side, all, wipe, difference, changes, lock",
      run: () => stage.nextMode(),
    },
    {
      keys: ["z"],
      shown: "Z",
      words: "Zoom, the same in all; or double click",
      run: () => stage.toggleZoom(),
    },
    { keys: ["b"], shown: "B", words: "Background", run: () => stage.nextBack() },
  ]);
}

function listenToMoves(desk, when) {
  shortcuts.add("Move", [...pictureMoves(desk, when), ...arrowMoves(desk), ...productMoves(desk)]);
}

const pictureMoves = (desk, when) => [
  {
    keys: NUMBERS,
    shown: "1 – 9",
    words: "The picture with this number",
    run: ({ number }) => desk.selectNumber(number),
    when,
  },
  {
    keys: ["["],
    shown: "[ ]",
    words: "Previous, next picture, also when zoomed",
    run: () => desk.turn(-1),
    repeats: true,
  },
  { keys: ["]"], shown: "", words: "", run: () => desk.turn(1), repeats: true },
];

function arrowMoves(desk) {
  const move = (dx, dy) => () => {
    if (desk.stage.isZoomed) desk.stage.panStep(dx, dy);
    else if (dx) desk.turn(dx);
    else desk.step(dy);
  };
  const words = "Previous, next picture; pan when zoomed";
  return [
    { keys: ["ArrowLeft"], shown: "← →", words, run: move(-1, 0), repeats: true },
    { keys: ["ArrowRight"], shown: "", words: "", run: move(1, 0), repeats: true },
    { keys: ["ArrowUp"], shown: "", words: "", run: move(0, -1), repeats: true },
    { keys: ["ArrowDown"], shown: "", words: "", run: move(0, 1), repeats: true },
  ];
}

const productMoves = (desk) => [
  { keys: ["k"], shown: "K or ↑", words: "Previous product", run: () => desk.step(-1), repeats: true },
  { keys: ["j"], shown: "J or ↓", words: "Next product", run: () => desk.step(1), repeats: true },
  { keys: ["n"], shown: "N", words: "Next view of the same SKU", run: () => desk.nextView() },
  {
    keys: ["g"],
    shown: "G",
    words: "Grid",
    run: () => go(`/grid?${new URLSearchParams(desk.data.filters)}`),
  },
];
