// What every page needs: its data, small helpers for the document, the theme, and plotly.

const data = JSON.parse(document.getElementById("data").textContent);

/** Make an element; text is only ever set as text, so nothing from a run can become markup. */
function make(tag, attributes = {}, ...children) {
  const isDrawn = ["svg", "g", "path", "rect", "line", "text", "circle", "title"].includes(tag);
  const element = isDrawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined).map((child) =>
    child instanceof Node ? child : document.createTextNode(String(child))));
  return element;
}

const byId = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const say = (text) => { byId("said").textContent = text; };

/** A short number for an axis; exact values stand in tables and hints. */
function short(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "share") return `${Number((100 * value).toPrecision(3))} %`;
  const size = Math.abs(value);
  if (unit === "bytes" && size >= 1024) return `${Number((value / 1024).toPrecision(3))} KiB`;
  if (unit === "" && size < 1000) return String(Number(value.toPrecision(3)));  // a plain number has no thousandths
  const steps = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"], [1e-12, "p"]];
  const [factor, prefix] = steps.find(([least]) => size >= least) ?? [1, ""];
  const suffix = unit === "bytes" ? "B" : unit;
  return `${Number((value / factor).toPrecision(3))} ${prefix}${suffix}`.trim();
}

/** A text with a button that copies it. */
function copyable(text, label, isLine = false) {
  const button = make("button", { type: "button", "aria-label": `copy ${label}` }, "copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // pages from file:// may not use the clipboard; a selection can be copied by hand
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    say(`${label} copied`);
    setTimeout(() => { button.textContent = "copy"; }, 1200);
  });
  const code = make("code", {}, text);
  return make("div", { class: isLine ? "copy line" : "copy" }, code, button);
}

// Theme: as the system has it until the button is used

const themeListeners = [];

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "light" : "dark";
  byId("theme").setAttribute("aria-label", `switch to ${theme === "dark" ? "light" : "dark"} colours`);
  themeListeners.forEach((listener) => listener());
}

function startTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let isChosen = false;
  setTheme(system.matches ? "dark" : "light");
  system.addEventListener("change", () => isChosen || setTheme(system.matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () => {
    isChosen = true;
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  });
}

// Charts

/** Unpack plotly, which the page holds compressed, and run it. */
async function loadPlotly() {
  const letters = atob(byId("plotly").textContent.trim());
  const packed = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) packed[at] = letters.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  script.remove();
}

/** Draw charts when they come into sight, and those in sight again when the theme changes. */
function drawInSight(drawings) {
  const isInSight = new Set();
  const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return isInSight.delete(entry.target.id);
    isInSight.add(entry.target.id);
    return drawings[entry.target.id]();
  }), { rootMargin: "200px" });
  Object.keys(drawings).forEach((id) => watcher.observe(byId(id)));
  themeListeners.push(() => isInSight.forEach((id) => drawings[id]()));
  addEventListener("beforeprint", () => Object.values(drawings).forEach((draw) => draw()));
}

const BUTTONS = [["zoom2d", "pan2d", "select2d", "lasso2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"]];

/** Draw or redraw a chart in the colours of the theme. */
function chart(element, traces, layout = {}, config = {}) {
  const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("soft"), automargin: true };
  const { xaxis, yaxis, ...rest } = layout;
  const whole = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") },
    margin: { l: 56, r: 12, t: 12, b: 48 }, showlegend: traces.length > 1,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("front") },
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
  const options = { responsive: true, displaylogo: false, modeBarButtons: BUTTONS, ...config };
  return Plotly.react(element, traces, whole, options);
}

/** Title, kind and numbers of an axis for a measure. */
function axisOf(measure, isLog, isWide, values) {
  const isPlain = measure.unit === "" && values.some((value) => value !== null && value !== 0 && Math.abs(value) < 1);
  const percent = measure.unit === "share";
  return {
    title: { text: plain(measure.title + (measure.unit && !percent ? ` (${measure.unit})` : "")) },
    type: isLog ? "log" : "linear",
    tickformat: percent ? ".3~%" : measure.unit === "bytes" && isWide ? ",~r" : isPlain ? "~g" : "~s",
    ...(isLog ? { dtick: isWide ? "D2" : 1, minor: { showgrid: true, gridcolor: colour("hover") } } : {}),
  };
}

/** Plotly reads a little markup in its texts; here, a text is a text. */
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
