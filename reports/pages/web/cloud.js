// Everything that was evaluated, behind the front: a canvas, since ten thousand points are too slow as elements.

const NEAR = 7; // pixels that a click may miss a point by
let drawnCloud = []; // [id, x, y] in pixels of the chart
const canvas = make("canvas", { class: "cloud", "aria-hidden": "true" });

/** Where a measure's value is along an axis of the chart; NaN where a logarithm cannot be. */
const along = (axis, value) => (axis.type === "log" && value <= 0 ? NaN : axis._offset + axis.d2p(value));

/** Draw the points in the chart's own scales; called after every change of it. */
function drawCloud() {
  const element = byId("scatter"), { xaxis, yaxis, width, height } = element._fullLayout, ratio = devicePixelRatio || 1;
  if (canvas.parentNode !== element) element.prepend(canvas);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.beginPath();
  pen.rect(xaxis._offset, yaxis._offset, xaxis._length, yaxis._length);
  pen.clip();
  drawnCloud = [];
  const isThere = (points) => (at) => points.generation[at] <= state.generation;
  const always = () => true;
  const cross = (x, y) => {
    pen.moveTo(x - 2.5, y - 2.5);
    pen.lineTo(x + 2.5, y + 2.5);
    pen.moveTo(x + 2.5, y - 2.5);
    pen.lineTo(x - 2.5, y + 2.5);
  };
  const dot = (x, y) => pen.rect(x - 2, y - 2, 4, 4);
  if (state.showsRandom) drawPoints(pen, data.points.random, xaxis, yaxis, colour("random"), always, cross);
  if (!state.showsCloud) return;
  drawPoints(pen, data.points.search, xaxis, yaxis, colour("cloud"), isThere(data.points.search), dot);
  drawPoints(pen, data.points.anchor, xaxis, yaxis, colour("cloud"), always, dot);
}

/** Draw what was measured as points, and what is estimated as bars from one end of its interval to the other. */
function drawPoints(pen, points, xaxis, yaxis, ink, isThere, mark) {
  const ends = (name, at) => (name === data.error && points[data.interval[0]][at] !== null
    ? [points[data.interval[0]][at], points[data.interval[1]][at]] : null);
  const bars = new Path2D();
  pen.beginPath();
  points.id.forEach((id, at) => {
    const x = along(xaxis, points[state.x][at]), y = along(yaxis, points[state.y][at]);
    if (!isThere(at) || Number.isNaN(x + y)) return;
    const across = ends(state.x, at), up = ends(state.y, at);
    if (across || up) {
      const [left, right] = across ? across.map((value) => along(xaxis, value)) : [x, x];
      const [bottom, top] = up ? up.map((value) => along(yaxis, value)) : [y, y];
      bars.moveTo(left, bottom);
      bars.lineTo(right, top);
    } else {
      mark(x, y);
    }
    drawnCloud.push([id, x, y]);
  });
  pen.fillStyle = pen.strokeStyle = ink;
  pen.globalAlpha = 0.22;
  pen.stroke(bars);
  pen.globalAlpha = 0.85;
  pen.fill();
  pen.stroke();
}

/** A click beside the front chooses the nearest point of the cloud. */
function startCloud() {
  const element = byId("scatter");
  let pressed = null;
  element.on("plotly_afterplot", drawCloud);
  element.on("plotly_relayouting", drawCloud);
  element.addEventListener("pointerdown", (event) => { pressed = [event.clientX, event.clientY]; }, true);
  document.addEventListener("pointerup", (event) => {
    const start = pressed;
    pressed = null;
    if (!start || Math.hypot(event.clientX - start[0], event.clientY - start[1]) > 3 || element._hoverdata?.length) return;
    const box = element.getBoundingClientRect();
    const far = ([, x, y]) => Math.hypot(x - (event.clientX - box.x), y - (event.clientY - box.y));
    const nearest = drawnCloud.reduce((best, point) => (best === null || far(point) < far(best) ? point : best), null);
    if (nearest && far(nearest) < NEAR) pick(nearest[0]);
  }, true);
  drawCloud();
}
