// The front: a scatter, parallel coordinates and a table that share one selection, one brush and one generation.

const measures = Object.fromEntries(data.measures.map((measure) => [measure.name, measure]));
const names = data.measures.map((measure) => measure.name);
const networks = data.networks;
const rowOf = new Map(networks.id.map((id, row) => [id, row]));
const costs = data.objectives.filter((name) => name !== data.error);
const state = {
  x: costs[0] ?? names.find((name) => name !== data.error), y: data.error, isLogX: true, isLogY: false,
  showsCloud: true, showsRandom: false, generation: data.lastGeneration,
  selected: data.knee, brushes: new Map(), box: null, sort: { name: data.error, sign: measures[data.error].is_maximised ? -1 : 1 },
};
/** Whether a logarithm suits a measure: it is said to, and nothing on the front is negative. */
const suitsLog = (name) => (measures[name]?.is_log ?? false) && networks.values[name].every((value) => value === null || value >= 0);
state.isLogX = suitsLog(state.x);
state.isLogY = data.chance !== null;
const listeners = [];

/** Change the state and let everything redraw itself. */
function update(change) {
  Object.assign(state, change);
  const rows = shownRows();
  if (!rows.includes(rowOf.get(state.selected)) && rows.length && "generation" in change) {
    state.selected = networks.id[rows.includes(rowOf.get(data.knee)) ? rowOf.get(data.knee) : rows[0]];
  }
  listeners.forEach((listener) => listener(change));
}

/** Rows of the front after the chosen generation; after the last one, the front as the run ended with it. */
function frontRows() {
  const every = networks.id.map((_, row) => row);
  if (state.generation >= data.lastGeneration) return every.filter((row) => networks.isFinal[row]);
  return every.filter((row) => networks.since[row] !== null && networks.since[row] <= state.generation &&
    (networks.until[row] === null || state.generation < networks.until[row]));
}

/** Those of them within every brush. */
function shownRows() {
  return frontRows().filter((row) => {
    for (const [name, [low, high]] of state.brushes) {
      const value = networks.values[name][row];
      if (value < low || value > high) return false;
    }
    return state.box === null || state.box.has(networks.id[row]);
  });
}

const isBrushed = () => state.brushes.size > 0 || state.box !== null;

// Scatter

function hover(texts, id) {
  return `${data.noun} ${id}<br>` + texts.join("<br>");
}

/** Error bars of estimates, where the error is on an axis. */
function intervals(rows) {
  const bar = (value) => ({
    type: "data", symmetric: false, thickness: 1, width: 0, color: colour("front"),
    array: rows.map((row) => (networks.high[row] === null ? 0 : networks.high[row] - value(row))),
    arrayminus: rows.map((row) => (networks.low[row] === null ? 0 : value(row) - networks.low[row])),
  });
  const found = {};
  if (rows.every((row) => networks.low[row] === null)) return found;
  if (state.y === data.error) found.error_y = bar((row) => networks.values[state.y][row]);
  if (state.x === data.error) found.error_x = bar((row) => networks.values[state.x][row]);
  return found;
}

/** Half of the smallest positive value: where a logarithmic axis shows zero. */
function leastOf(name) {
  const values = [...networks.values[name], ...data.points.search[name], ...data.points.anchor[name]].filter((value) => value > 0);
  return values.reduce((least, value) => Math.min(least, value), Infinity) / 2;
}

/** A network's value as an axis can show it. */
const placed = (name, isLog, row) => {
  const value = networks.values[name][row];
  return isLog && value <= 0 ? leastOf(name) : value;
};

function scatterTraces() {
  const rows = frontRows(), shown = new Set(shownRows());
  const front = {
    name: "Pareto front", type: "scatter", mode: "markers", x: rows.map((row) => placed(state.x, state.isLogX, row)),
    y: rows.map((row) => placed(state.y, state.isLogY, row)), customdata: rows.map((row) => networks.id[row]),
    text: rows.map((row) => hover([state.x, state.y].map((name) =>
      `${plain(measures[name].title)} ${plain(networks.texts[name][row])}`), networks.id[row])),
    hovertemplate: "%{text}<extra></extra>",
    ...intervals(rows),
    marker: {
      size: 9, color: colour("front"), line: { width: 1, color: colour("card") },
      symbol: rows.map((row) => (networks.low[row] === null ? "circle" : "circle-open")),
      opacity: rows.map((row) => (shown.has(row) ? 1 : 0.15)),
    },
  };
  const ring = (row, name, ink, size, symbol) => ({
    name, type: "scatter", mode: "markers", hoverinfo: "skip",
    x: row === undefined ? [] : [placed(state.x, state.isLogX, row)], y: row === undefined ? [] : [placed(state.y, state.isLogY, row)],
    marker: { size, symbol, color: ink, line: { width: 2.2, color: ink } },
  });
  const knee = rows.includes(rowOf.get(data.knee)) ? rowOf.get(data.knee) : undefined;
  const picked = rows.includes(rowOf.get(state.selected)) ? rowOf.get(state.selected) : undefined;
  const corners = { type: "scatter", mode: "markers", marker: { opacity: 0 }, hoverinfo: "skip", showlegend: false,
    x: reach(state.x, state.isLogX), y: reach(state.y, state.isLogY) };
  return [corners, front, ring(knee, "knee", colour("ink"), 17, "diamond-open"), ring(picked, "chosen", colour("pick"), 20, "circle-open")];
}

/** Least and greatest value of what the cloud shows, so that the axes leave none of it out. */
function reach(name, isLog) {
  const shown = [...(state.showsCloud ? data.points.search[name] : []), ...(state.showsRandom ? data.points.random[name] : [])];
  let [low, high] = [Infinity, -Infinity];
  for (const value of shown) {
    if (value === null || (isLog && value <= 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [];
}

/** The error of guessing, as a line. */
function chanceLine() {
  if (data.chance === null || (state.y !== data.error && state.x !== data.error)) return [];
  const place = state.y === data.error
    ? { xref: "paper", x0: 0, x1: 1, y0: data.chance, y1: data.chance } : { yref: "paper", y0: 0, y1: 1, x0: data.chance, x1: data.chance };
  return [{ type: "line", ...place, line: { color: colour("ink"), width: 1, dash: "dot" }, opacity: 0.5 }];
}

function drawScatter() {
  const element = byId("scatter");
  const isWide = element.clientWidth > 520;
  const selections = state.box && element.layout?.selections;
  const done = chart(element, scatterTraces(), {
    ...(selections ? { selections } : {}),
    xaxis: axisOf(measures[state.x], state.isLogX, isWide, networks.values[state.x]),
    yaxis: axisOf(measures[state.y], state.isLogY, isWide, networks.values[state.y]),
    shapes: chanceLine(),
    dragmode: isWide ? "select" : false, hovermode: "closest", hoverdistance: 9, uirevision: `${state.x} ${state.y} ${state.isLogX} ${state.isLogY}`,
  }, { displayModeBar: isWide });
  if (!element.dataset.listens) {
    element.dataset.listens = "yes";
    element.on("plotly_click", (event) => pick(event.points[0].customdata));
    element.on("plotly_selected", (event) => {
      const ids = event?.points?.map((point) => point.customdata).filter((id) => rowOf.has(id)) ?? [];
      update({ box: ids.length ? new Set(ids) : null });
    });
    element.on("plotly_deselect", () => update({ box: null }));
    element.addEventListener("keydown", scatterKeys);
    startCloud();
  }
  return done;
}

/** Arrow keys walk along the front from left to right. */
function scatterKeys(event) {
  const rows = shownRows().sort((a, b) => networks.values[state.x][a] - networks.values[state.x][b]);
  const at = rows.indexOf(rowOf.get(state.selected));
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 }[event.key];
  if (event.key === "Escape") update({ box: null, brushes: new Map() });
  if (to === undefined || !rows.length) return;
  event.preventDefault();
  pick(networks.id[rows[Math.max(0, Math.min(rows.length - 1, to))]]);
}

/** Choose a network; one that was never on the front has its command only. */
function pick(id) {
  if (id === undefined || id === null) return;
  update({ selected: id });
  const row = rowOf.get(id);
  say(`${data.noun} ${id}` + (row === undefined ? "" : `, ${measures[state.y].title} ${networks.texts[state.y][row]}, ${measures[state.x].title} ${networks.texts[state.x][row]}`));
}

// Table

const parameters = networks.parameters, parameterNames = Object.keys(parameters);
const COLUMNS = ["id", ...names, ...parameterNames, "genome"];
/** A choice as the problem's function gets it, in the words of Python. */
const choiceText = (value) => (value === null ? "None" : value === true ? "True" : value === false ? "False" : String(value));

function startTable() {
  byId("table-head").append(make("tr", {}, ...COLUMNS.map((name) => {
    const button = make("button", { type: "button", onclick: () => {
      const sign = state.sort.name === name ? -state.sort.sign : measures[name]?.is_maximised ? -1 : 1;
      update({ sort: { name, sign } });
    } }, measures[name]?.title ?? name);
    return make("th", { scope: "col", "data-name": name, class: name === "genome" ? "text" : null }, button);
  })));
  byId("table-body").addEventListener("click", (event) => pick(Number(event.target.closest("tr")?.dataset.id) || null));
  byId("table-body").addEventListener("keydown", (event) => {
    const row = event.target.closest("tr");
    const to = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling,
      Home: row?.parentNode.firstElementChild, End: row?.parentNode.lastElementChild, Enter: row, " ": row }[event.key];
    if (!to) return;
    event.preventDefault();
    pick(Number(to.dataset.id));
    byId("table-body").querySelector(`tr[data-id="${to.dataset.id}"]`)?.focus();
  });
}

function drawTable() {
  const value = (row) => (state.sort.name === "id" ? networks.id[row] : (networks.values[state.sort.name] ?? parameters[state.sort.name] ?? networks.genome)[row]);
  const rows = shownRows().sort((a, b) => {
    const [one, two] = [value(a), value(b)];
    const areNumbers = typeof one !== "string" && typeof two !== "string";
    return state.sort.sign * (areNumbers ? one - two : String(one).localeCompare(String(two)));
  });
  const chosen = rows.includes(rowOf.get(state.selected)) ? rowOf.get(state.selected) : rows[0];
  byId("table-body").replaceChildren(...rows.map((row) => make("tr", {
    "data-id": networks.id[row], "aria-selected": String(networks.id[row] === state.selected), tabindex: row === chosen ? 0 : -1,
  },
  make("td", {}, `${networks.id[row]}${networks.id[row] === data.knee ? " ◆" : ""}`),
  ...names.map((name) => make("td", { title: String(networks.values[name][row]) }, networks.texts[name][row])),
  ...parameterNames.map((name) => make("td", {}, choiceText(parameters[name][row]))),
  make("td", { class: "genome text", title: networks.genome[row] }, networks.genome[row]))));
  for (const head of byId("table-head").querySelectorAll("th")) {
    const isSorted = head.dataset.name === state.sort.name;
    head.setAttribute("aria-sort", isSorted ? (state.sort.sign > 0 ? "ascending" : "descending") : "none");
    head.firstChild.textContent = (measures[head.dataset.name]?.title ?? head.dataset.name) + (isSorted ? (state.sort.sign > 0 ? " ▲" : " ▼") : "");
  }
  const all = frontRows().length;
  byId("count").textContent = isBrushed() ? `${rows.length} of ${all} ${data.noun}s within the brush` : `${all} ${data.noun}s on the front`;
  byId("clear").hidden = !isBrushed();
}

/** Mark the chosen row without building the table anew. */
function markRow() {
  for (const row of byId("table-body").children) {
    const isChosen = Number(row.dataset.id) === state.selected;
    row.setAttribute("aria-selected", String(isChosen));
    row.tabIndex = isChosen ? 0 : -1;
    if (isChosen) scrollInto(row, row.closest(".scroll"));
  }
}

/** Scroll a box, never the page. */
function scrollInto(element, box) {
  const top = element.offsetTop - box.clientHeight / 3;
  if (element.offsetTop < box.scrollTop + 40 || element.offsetTop + element.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top;
}

// Controls

function startControls() {
  for (const [id, key, log] of [["x-axis", "x", "isLogX"], ["y-axis", "y", "isLogY"]]) {
    byId(id).append(...names.map((name) => make("option", { value: name, selected: name === state[key] }, measures[name].title)));
    byId(id).addEventListener("change", (event) => {
      const isLog = suitsLog(event.target.value);
      byId(`${id}-log`).checked = isLog;
      update({ [key]: event.target.value, [log]: isLog });
    });
    byId(`${id}-log`).checked = state[log];
    byId(`${id}-log`).addEventListener("change", (event) => update({ [log]: event.target.checked }));
  }
  for (const [id, key] of [["show-cloud", "showsCloud"], ["show-random", "showsRandom"]]) {
    byId(id).checked = state[key];
    byId(id).addEventListener("change", (event) => update({ [key]: event.target.checked }));
  }
  if (!data.points.random.total) byId("show-random").closest("label").hidden = true;
  const slider = byId("generation");
  slider.max = slider.value = data.lastGeneration;
  const tell = () => { byId("generation-text").textContent = Number(slider.value) >= data.lastGeneration ? "the end" : slider.value; };
  slider.addEventListener("input", () => { tell(); update({ generation: Number(slider.value) }); });
  tell();
  byId("clear").addEventListener("click", () => update({ box: null, brushes: new Map() }));
}
