// Everything that was evaluated, as a cloud behind the front: a canvas, since ten thousand points are too slow as elements.

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
  if (state.showsRandom) drawPoints(pen, data.points.random, xaxis, yaxis, colour("random"), () => true, (x, y) => {
    pen.moveTo(x - 2.5, y - 2.5);
    pen.lineTo(x + 2.5, y + 2.5);
    pen.moveTo(x + 2.5, y - 2.5);
    pen.lineTo(x - 2.5, y + 2.5);
  });
  const isThere = (at) => data.points.search.generation[at] <= state.generation;
  if (state.showsCloud) drawPoints(pen, data.points.search, xaxis, yaxis, colour("cloud"), isThere, (x, y) => pen.rect(x - 1.5, y - 1.5, 3, 3));
}

function drawPoints(pen, points, xaxis, yaxis, ink, isThere, mark) {
  pen.beginPath();
  points.id.forEach((id, at) => {
    const x = along(xaxis, points[state.x][at]), y = along(yaxis, points[state.y][at]);
    if (!isThere(at) || Number.isNaN(x + y)) return;
    mark(x, y);
    drawnCloud.push([id, x, y]);
  });
  pen.globalAlpha = 0.6;
  pen.fillStyle = pen.strokeStyle = ink;
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
