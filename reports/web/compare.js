// Several runs on one page: their fronts over axes to choose, and their hypervolumes on one scale.

const measures = Object.fromEntries(data.measures.map((measure) => [measure.name, measure]));
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "triangle-down"];
const hiddenRuns = new Set();
const view = { x: data.x, y: data.y };
const ink = (index) => colour(`share${index % 8}`);
const shownRuns = () => data.runs.map((_, index) => index).filter((index) => !hiddenRuns.has(index));

function drawRuns() {
  byId("runs-head").replaceChildren(make("tr", {}, ...["run", ...data.columns].map((name) => make("th", { scope: "col" }, name))));
  byId("runs-body").replaceChildren(...data.runs.map((run, index) => {
    const box = make("input", { type: "checkbox", checked: !hiddenRuns.has(index), "aria-label": `show ${run.label}`, onchange: () => {
      if (!hiddenRuns.delete(index)) hiddenRuns.add(index);
      drawFronts();
      drawVolumes();
    } });
    const mark = make("span", { style: `color:${ink(index)}` }, ["●", "■", "◆", "▲", "✚", "★", "⬢", "▼"][index % 8]);
    return make("tr", {}, make("td", { title: run.path }, make("label", {}, box, " ", mark, ` ${run.label}`)), ...run.texts.map((text) => make("td", {}, text)));
  }));
}

function drawFronts() {
  const element = byId("scatter"), isWide = element.clientWidth > 520;
  return chart(element, shownRuns().map((index) => {
    const { label, front } = data.runs[index];
    return {
      name: plain(label), type: "scatter", mode: "markers", x: front.values[view.x], y: front.values[view.y],
      marker: { color: ink(index), symbol: SYMBOLS[index % 8], size: 8, line: { width: 0.8, color: colour("card") } },
      text: front.id.map((id, row) => `${plain(label)}, network ${id}<br>${plain(front.texts[view.y][row])}, ${plain(front.texts[view.x][row])}`),
      hovertemplate: "%{text}<extra></extra>",
    };
  }), {
    xaxis: axisOf(measures[view.x], byId("x-axis-log").checked, isWide), yaxis: axisOf(measures[view.y], byId("y-axis-log").checked, isWide),
    hovermode: "closest", dragmode: isWide ? "zoom" : false, uirevision: JSON.stringify(view),
  }, { displayModeBar: isWide });
}

function drawVolumes() {
  if (!data.convergence) return undefined;
  const table = data.convergence;
  return chart(byId("convergence"), shownRuns().flatMap((index) => ["search", "random"].map((origin) => {
    const rows = table.run.map((_, at) => at).filter((at) => table.run[at] === data.runs[index].label && table.origin[at] === origin);
    const name = plain(data.runs[index].label) + (origin === "random" ? ", random search" : "");
    return {
      name, type: "scatter", mode: "lines", x: rows.map((at) => table.evaluations[at]), y: rows.map((at) => table.hypervolume[at]),
      line: { color: ink(index), dash: origin === "random" ? "dot" : "solid", width: 2, shape: "hv" },
      hovertemplate: `${name}: %{y:.4f} after %{x}<extra></extra>`,
    };
  })).filter((trace) => trace.x.length), {
    xaxis: { title: { text: "networks evaluated" }, rangemode: "tozero" }, yaxis: { title: { text: "hypervolume, common scale" } },
  }, { displayModeBar: false });
}

async function start() {
  themeListeners.push(drawRuns);
  for (const [id, key] of [["x-axis", "x"], ["y-axis", "y"]]) {
    byId(id).append(...data.measures.map((one) => make("option", { value: one.name, selected: one.name === view[key] }, one.title)));
    byId(`${id}-log`).checked = measures[view[key]].is_log;
    byId(id).addEventListener("change", (event) => {
      view[key] = event.target.value;
      byId(`${id}-log`).checked = measures[view[key]].is_log;
      drawFronts();
    });
    byId(`${id}-log`).addEventListener("change", drawFronts);
  }
  byId("convergence").hidden = !data.convergence;
  startTheme();
  await loadPlotly();
  await drawFronts();
  drawInSight({ scatter: drawFronts, convergence: drawVolumes });
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start();
