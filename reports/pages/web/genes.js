// Genes: which choices the front prefers, how that came about, and what each choice does to the error.

const FEW = 12;
const effects = data.sensitivity.effects;
const ranking = new Map(data.sensitivity.genes.gene.map((gene, at) => [gene, at]));
const order = data.genes.map((_, at) => at).sort((a, b) =>
  (ranking.get(data.genes[a].name) ?? Infinity) - (ranking.get(data.genes[b].name) ?? Infinity));
let chosenGene = order[0], showsAllGenes = false;
const percent = (share) => (share === null ? "–" : `${Math.round(100 * share)} %`);
const shareColour = (at) => `var(--share${at % 8})`;

function startGenes() {
  byId("all-genes").hidden = order.length <= FEW;
  byId("all-genes").addEventListener("click", () => { showsAllGenes = !showsAllGenes; drawGeneTable(); });
  byId("gene-body").addEventListener("click", (event) => chooseGene(event.target.closest("tr")));
  byId("gene-body").addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    const to = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Enter: row, " ": row }[event.key];
    if (!to) return;
    event.preventDefault();
    chooseGene(to);
    byId("gene-body").querySelector('[aria-selected="true"]')?.focus();
  });
}

function chooseGene(row) {
  if (!row) return;
  chosenGene = Number(row.dataset.gene);
  drawGeneTable();
  drawGene();
}

/** A bar of shares, a part a choice. */
function shares(gene, of) {
  if (gene[of].every((share) => share === null)) return "–";
  return make("div", { class: "shares", role: "img", "aria-label": gene.choices.map((choice, at) => `${choice} ${percent(gene[of][at])}`).join(", ") },
    ...gene.choices.map((choice, at) => (gene[of][at] ? make("span", {
      style: `width:${100 * gene[of][at]}%;background:${shareColour(at)}`, title: `${choice}: ${percent(gene[of][at])}`,
    }, gene[of][at] > 0.24 ? choice : "") : null)));
}

function drawGeneTable() {
  const genes = data.sensitivity.genes, top = Math.max(...genes.high, 1e-12);
  const shown = showsAllGenes ? order : order.slice(0, FEW);
  const error = measures[data.sensitivity.measure] ?? { unit: "" };
  byId("gene-body").replaceChildren(...shown.map((at) => {
    const gene = data.genes[at], rank = ranking.get(gene.name);
    const change = rank === undefined ? make("td", {}, "–") : make("td", {
      title: `from ${genes.best[rank]} to ${genes.worst[rank]}: ${genes.change[rank]} [${genes.low[rank]}, ${genes.high[rank]}]`,
    }, interval(genes.low[rank] / top, genes.change[rank] / top, genes.high[rank] / top), make("span", {}, points(genes.change[rank], error)));
    return make("tr", { "data-gene": at, tabindex: at === chosenGene ? 0 : -1, "aria-selected": String(at === chosenGene) },
      make("td", {}, gene.name), make("td", {}, shares(gene, "front")), make("td", {}, shares(gene, "random")), change);
  }));
  byId("all-genes").textContent = showsAllGenes ? "show the most influential" : `show all ${order.length} genes`;
}

function points(value, measure) {
  return measure.unit === "share" ? `${(100 * value).toFixed(2)} points` : short(value, measure.unit);
}

/** A dot with its interval on a line from zero. */
function interval(low, middle, high) {
  const at = (share) => 4 + 136 * Math.max(0, Math.min(1, share));
  return make("svg", { class: "interval", viewBox: "0 0 144 17", "aria-hidden": "true" },
    make("line", { x1: 4, x2: 4, y1: 2, y2: 15, stroke: "var(--line)" }),
    make("line", { x1: at(low), x2: at(high), y1: 8.5, y2: 8.5, stroke: "var(--front)", "stroke-width": 2 }),
    make("circle", { cx: at(middle), cy: 8.5, r: 4, fill: "var(--front)" }));
}

function drawGene() {
  const gene = data.genes[chosenGene];
  if (!gene) return undefined;
  byId("gene-title").textContent = gene.name;
  const error = measures[data.sensitivity.measure] ?? { unit: "", title: data.sensitivity.measure };
  const factor = error.unit === "share" ? 100 : 1;
  const rows = effects.gene.map((name, at) => at).filter((at) => effects.gene[at] === gene.name);
  chart(byId("gene-effects"), [{
    type: "scatter", mode: "markers", x: rows.map((at) => plain(effects.choice[at])), y: rows.map((at) => factor * effects.effect[at]),
    error_y: { type: "data", array: rows.map((at) => factor * (effects.high[at] - effects.effect[at])), color: colour("front"), thickness: 2 },
    marker: { size: 9, color: colour("front") }, customdata: rows.map((at) => effects.networks[at]),
    hovertemplate: `%{x}: %{y:.3~g}, %{customdata} ${data.noun}s<extra></extra>`,
  }], {
    xaxis: { type: "category", title: { text: "choice" } },
    yaxis: { title: { text: `change of ${plain(error.title)}${factor === 100 ? " (points)" : ""}` }, zeroline: true, zerolinecolor: colour("soft") },
  }, { displayModeBar: false });
  return chart(byId("gene-history"), gene.choices.map((choice, at) => ({
    name: plain(choice), type: "scatter", mode: "lines", stackgroup: "all", x: data.geneGenerations, y: gene.history[at] ?? [],
    line: { width: 0.6, color: colour("card") }, fillcolor: colour(`share${at % 8}`),
    hovertemplate: `${plain(choice)} %{y:.0%}<extra></extra>`,
  })), {
    xaxis: { title: { text: "generation" } }, yaxis: { title: { text: "share of the front" }, tickformat: ".0%", range: [0, 1] }, hovermode: "x unified",
    margin: { l: 56, r: 12, t: 40, b: 48 },
  }, { displayModeBar: false });
}
