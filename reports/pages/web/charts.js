// Progress and trust: hypervolume over evaluations, rank quality with intervals; then everything is put together.

const LOOKS = {
  search: { name: "search", ink: "front", dash: "solid" }, random: { name: "random search", ink: "random", dash: "dash" },
};

function drawConvergence() {
  const table = data.convergence;
  return chart(byId("convergence"), Object.entries(LOOKS).map(([origin, look]) => {
    const rows = table.origin.map((_, at) => at).filter((at) => table.origin[at] === origin);
    return {
      name: look.name, type: "scatter", mode: "lines", x: rows.map((at) => table.evaluations[at]), y: rows.map((at) => table.hypervolume[at]),
      line: { color: colour(look.ink), dash: look.dash, width: 2.4, shape: "hv" },
      hovertemplate: `${look.name}: %{y:.4f} after %{x}<extra></extra>`,
    };
  }).filter((trace) => trace.x.length), {
    xaxis: { title: { text: `${data.noun}s evaluated` }, rangemode: "tozero" }, yaxis: { title: { text: data.isTable ? "hypervolume" : "hypervolume, by estimates" } }, hovermode: "x",
  }, { displayModeBar: false });
}

function drawPredictors() {
  const table = data.predictors;
  const targets = [...new Set(table.target)];
  const traces = targets.flatMap((target, index) => {
    const rows = table.target.map((_, at) => at).filter((at) => table.target[at] === target);
    const column = (name) => rows.map((at) => table[name][at]);
    const ink = colour(`share${index % 8}`);
    const edge = { type: "scatter", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false, x: column("generation") };
    return [{ ...edge, y: column("low") }, { ...edge, y: column("high"), fill: "tonexty", fillcolor: `${ink}33` }, {
      name: plain(target), type: "scatter", mode: "lines+markers", x: column("generation"), y: column("tau"), line: { color: ink, width: 2 },
      marker: { color: ink, size: 6, symbol: rows.map((at) => (table.is_used[at] ? "circle" : "circle-open")) },
      text: column("predictor").map((name, at) => `${plain(name)}, ${table.evaluations[rows[at]]} ${data.noun}s`),
      hovertemplate: "%{text}: tau %{y:.2f}<extra></extra>",
    }];
  });
  chart(byId("predictors"), traces, {
    xaxis: { title: { text: "generation" } }, yaxis: { title: { text: `Kendall's tau, ${data.noun}s left out` }, range: [Math.min(0, ...table.low), 1] },
  }, { displayModeBar: false });
}

function drawTrust() {
  const rows = [...data.trust].reverse();
  const series = (middle, low, high, name, ink, symbol, shift) => ({
    name, type: "scatter", mode: "markers", x: rows.map((row) => row[middle]), y: rows.map((_, at) => at + shift),
    marker: { size: 10, color: colour(ink), symbol }, hovertemplate: `${name}: %{x:.2f}<extra></extra>`,
    error_x: { type: "data", symmetric: false, color: colour(ink), thickness: 2,
      array: rows.map((row) => (row[high] === null ? 0 : row[high] - row[middle])), arrayminus: rows.map((row) => (row[low] === null ? 0 : row[middle] - row[low])) },
  });
  chart(byId("trust"), [series("tau", "low", "high", "all pairs", "front", "circle", 0.12),
    series("near_tau", "near_low", "near_high", "near sizes", "random", "diamond", -0.12)], {
    xaxis: { title: { text: "Kendall's tau against trainings from scratch" }, range: [-1, 1.02], zerolinecolor: colour("soft") },
    yaxis: { tickvals: rows.map((_, at) => at), ticktext: rows.map((row) => plain(row.score)) },
  }, { displayModeBar: false });
}

/** Texts and tables at once, charts as soon as plotly is unpacked. */
async function start() {
  let isReady = false;
  themeListeners.push(drawNetwork);
  startTable();
  startControls();
  startParallel();
  startGenes();
  byId("predictors-part").hidden = !data.predictors.target.length;
  byId("trust").hidden = !data.trust;
  drawGeneTable();
  drawTable();
  drawCard();
  drawParallel();
  startTheme();
  listeners.push((change) => {
    const isPickOnly = Object.keys(change).join() === "selected";
    if (isPickOnly) markRow();
    else drawTable();
    drawParallel();
    drawCard();
    drawNetwork();
    if (isReady) drawScatter();
  });
  addEventListener("resize", () => { startParallel(); drawParallel(); });
  document.documentElement.dataset.usable = String(Math.round(performance.now()));
  try {
    await loadPlotly();
    isReady = true;
    await drawScatter();
   drawInSight({
      scatter: drawScatter, convergence: drawConvergence, "gene-history": drawGene, predictors: drawPredictors, trust: drawTrust,
    });
  } catch (error) {
    for (const element of document.querySelectorAll(".chart")) element.textContent = `no chart: ${error.message}`;
  }
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start();
