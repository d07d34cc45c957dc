// Parallel coordinates of the front: an axis a measure, brushed with the pointer or by keys on its two handles.

const AXES = [...new Set([data.error, ...data.objectives, ...Object.keys(data.constraints),
  ...["energy", "peak_memory", "parameters"].filter((name) => measures[name])])].slice(0, 8);
const TOP = 34, BOTTOM = 206, STEPS = 40;
let parallelWidth = 1000;
const place = (index) => 75 + (index * (parallelWidth - 150)) / Math.max(1, AXES.length - 1);

/** Where the values of an axis lie, over every network that was ever on the front; 0 is the bottom. */
function scaleOf(name) {
  const values = networks.values[name].filter((value) => value !== null);
  const isLog = measures[name].is_log && values.every((value) => value > 0);
  const bend = isLog ? Math.log : (value) => value, unbend = isLog ? Math.exp : (value) => value;
  const low = Math.min(...values), high = Math.max(...values), range = bend(high) - bend(low) || 1;
  return {
    low, high,
    share: (value) => (bend(value) - bend(low)) / range,
    value: (share) => (share <= 0 ? low : share >= 1 ? high : unbend(bend(low) + share * range)),
  };
}

const scales = networks.id.length ? Object.fromEntries(AXES.map((name) => [name, scaleOf(name)])) : {};
const height = (name, value) => BOTTOM - scales[name].share(value) * (BOTTOM - TOP);
const lines = new Map();

function startParallel() {
  const svg = byId("parallel");
  if (!networks.id.length) return;
  parallelWidth = svg.clientWidth || 1000;
  svg.setAttribute("viewBox", `0 0 ${parallelWidth} 236`);
  svg.replaceChildren();
  const group = make("g", {});
  networks.id.forEach((id, row) => {
    const path = make("path", { class: "line", d: "M" + AXES.map((name, index) =>
      `${place(index).toFixed(1)},${height(name, networks.values[name][row]).toFixed(1)}`).join("L") });
    path.addEventListener("click", () => pick(id));
    lines.set(row, path);
    group.append(path);
  });
  svg.append(group, ...AXES.map(axis));
}

function axis(name, index) {
  const x = place(index), scale = scales[name];
  const brush = make("rect", { class: "brush whole", x: x - 9, width: 18, y: TOP, height: BOTTOM - TOP, "data-axis": name });
  const handle = (end) => make("rect", {
    class: "handle", x: x - 11, width: 22, height: 7, rx: 2, tabindex: 0, role: "slider", "aria-orientation": "vertical",
    "aria-label": `${measures[name].title}, ${end === 0 ? "lower" : "upper"} bound`, "aria-valuemin": scale.low,
    "aria-valuemax": scale.high, "data-axis": name, "data-end": end, onkeydown: (event) => handleKeys(event, name, end),
  });
  const group = make("g", {},
    make("line", { class: "axis", x1: x, x2: x, y1: TOP, y2: BOTTOM }), brush, handle(0), handle(1),
    make("text", { x, y: 13 }, measures[name].title), make("text", { class: "end", x, y: 27 }, short(scale.high, measures[name].unit)),
    make("text", { class: "end", x, y: 226 }, short(scale.low, measures[name].unit)));
  group.addEventListener("pointerdown", (event) => drag(event, name));
  return group;
}

/** The share of the axis that a pointer is at. */
function shareAt(event) {
  const box = byId("parallel").getBoundingClientRect();
  const y = ((event.clientY - box.top) / box.height) * 236;
  return Math.max(0, Math.min(1, (BOTTOM - y) / (BOTTOM - TOP)));
}

function drag(event, name) {
  event.preventDefault();
  const scale = scales[name], end = event.target.dataset.end;
  const [low, high] = state.brushes.get(name) ?? [scale.low, scale.high];
  const start = shareAt(event);
  const fixed = end === "0" ? scale.share(high) : end === "1" ? scale.share(low) : start;
  const group = event.currentTarget;
  group.setPointerCapture(event.pointerId);
  const move = (moved) => {
    const here = shareAt(moved);
    if (end === undefined && Math.abs(here - start) < 0.02) return;
    setBrush(name, scale.value(Math.min(fixed, here)), scale.value(Math.max(fixed, here)));
  };
  const stop = (stopped) => {
    group.removeEventListener("pointermove", move);
    if (end === undefined && Math.abs(shareAt(stopped) - start) < 0.02) setBrush(name, scale.low, scale.high);
  };
  group.addEventListener("pointermove", move);
  group.addEventListener("pointerup", stop, { once: true });
  group.addEventListener("pointercancel", stop, { once: true });
}

function handleKeys(event, name, end) {
  const scale = scales[name];
  const brush = [...(state.brushes.get(name) ?? [scale.low, scale.high])];
  const step = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 5, PageDown: -5, Home: -STEPS, End: STEPS }[event.key];
  if (event.key === "Escape") setBrush(name, scale.low, scale.high);
  if (step === undefined) return;
  event.preventDefault();
  brush[end] = scale.value(Math.round(scale.share(brush[end]) * STEPS + step) / STEPS);
  if (brush[0] <= brush[1]) setBrush(name, ...brush);
}

function setBrush(name, low, high) {
  const brushes = new Map(state.brushes);
  if (low <= scales[name].low && high >= scales[name].high) brushes.delete(name);
  else brushes.set(name, [low, high]);
  update({ brushes });
  say(`${measures[name].title} from ${short(low, measures[name].unit)} to ${short(high, measures[name].unit)}: ${shownRows().length} ${data.noun}s`);
}

function drawParallel() {
  const front = new Set(frontRows()), shown = new Set(shownRows()), chosen = rowOf.get(state.selected);
  for (const [row, path] of lines) {
    path.style.display = front.has(row) ? "" : "none";
    path.setAttribute("class", `line${shown.has(row) ? "" : " out"}${row === chosen ? " picked" : ""}`);
  }
  if (lines.has(chosen)) lines.get(chosen).parentNode.append(lines.get(chosen));
  for (const name of networks.id.length ? AXES : []) {
    const scale = scales[name], [low, high] = state.brushes.get(name) ?? [scale.low, scale.high];
    const [brush, ...handles] = byId("parallel").querySelectorAll(`[data-axis="${CSS.escape(name)}"]`);
    brush.setAttribute("y", height(name, high));
    brush.setAttribute("height", Math.max(2, height(name, low) - height(name, high)));
    brush.classList.toggle("whole", !state.brushes.has(name));
    [low, high].forEach((value, end) => {
      handles[end].setAttribute("y", height(name, value) - 3.5);
      handles[end].setAttribute("aria-valuenow", value);
      handles[end].setAttribute("aria-valuetext", short(value, measures[name].unit));
    });
  }
}
