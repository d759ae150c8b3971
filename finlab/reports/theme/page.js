(() => {
  "use strict";
  const root = document.documentElement, all = (q, e) => [...(e || document).querySelectorAll(q)];
  const id = name => document.getElementById(name), make = name => document.createElement(name);
  const press = (e, on) => e.setAttribute("aria-pressed", on);
  root.classList.add("js");
  all(".fl-tools").forEach(e => e.hidden = false);

  const code = id("fl-code");
  if (code) code.onclick = () => {
    const on = root.classList.toggle("fl-with-code");
    press(code, on);
    all(".fl-code").forEach(e => e.open = on);
  };
  const colours = id("fl-colours"), system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  const show = () => press(colours, dark());
  colours.onclick = () => { root.dataset.theme = dark() ? "light" : "dark"; show(); };
  system.onchange = show;
  show();

  // What scrolls can be reached by the keyboard.
  const reach = () => all("pre, .math").forEach(e => {
    if (e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth) e.tabIndex = 0;
  });
  document.addEventListener("toggle", reach, true);
  addEventListener("resize", reach);
  reach();

  // On paper what is folded away is open, since nothing can be opened there. And paper does not scroll: a table that is
  // too wide even with a word a line is set tighter, then made smaller.
  // The width is that of A4, the narrower of the usual papers, without the margins of the style sheet, in CSS pixels.
  const PAPER = 700, folds = all("main details:not(.fl-code):not(.fl-messages)"), wide = () => all(".fl-table > table");
  let shut = [];
  addEventListener("beforeprint", () => {
    shut = folds.filter(e => !e.open);
    shut.forEach(e => e.open = true);
    wide().forEach(table => {
      table.style.width = "min-content";
      table.classList.toggle("fl-fit", table.offsetWidth > PAPER);
      const ratio = PAPER / table.offsetWidth;
      table.style.width = "";
      if (ratio < 1) table.style.zoom = ratio;
    });
  });
  addEventListener("afterprint", () => {
    shut.forEach(e => e.open = false);
    wide().forEach(table => { table.classList.remove("fl-fit"); table.style.zoom = ""; });
  });

  const contents = document.querySelector(".fl-toc details"), links = all(".fl-toc a");
  if (contents && matchMedia("(max-width: 69.99rem)").matches) contents.open = false;
  if (links.length) {
    const watch = new IntersectionObserver(seen => seen.forEach(s => {
      if (s.isIntersecting) links.forEach(a => {
        if (decodeURIComponent(a.hash.slice(1)) === s.target.id) a.setAttribute("aria-current", "true");
        else a.removeAttribute("aria-current");
      });
    }), { rootMargin: "0px 0px -75% 0px" });
    all("main h2[id], main h3[id]").forEach(h => watch.observe(h));
  }

  // A cell's value: a number (separators, percent, brackets for a loss, a scale), a date as it stands, else its text.
  const SCALES = { k: 1e3, thousand: 1e3, m: 1e6, mn: 1e6, million: 1e6, b: 1e9, bn: 1e9, billion: 1e9, tn: 1e12,
    trillion: 1e12, "\u4e07": 1e4, "\u4ebf": 1e8, "\u4e07\u4ebf": 1e12 };
  function value(cell) {
    const t = cell.textContent.trim();
    if (/^(|[-\u2013\u2014\u00b7]|nan|none|nat|<na>|n\/a|missing|\u7f3a\u5931)$/i.test(t)) return null;
    if (/^\d{4}-\d\d/.test(t)) return t;
    const n = t.replace(/^[<>\u2264\u2265~\u2248\u00b1]\s*/, "").replace(/[,'\u2019\u00a0\u202f_\s]/g, "").replace(/\u2212/g, "-")
      .replace(/^\((.*)\)$/, "-$1").replace(/^([-+]?)(CN\u00a5|[\u00a5$\u20ac\u00a3]|CNY|USD|EUR)/, "$1").replace(/[*\u2020\u2021]+$/, "")
      .replace(/(\d|[a-z\u4e07\u4ebf])(CNY|USD|EUR|GBP|\u7f8e?\u5143)$/i, "$1");
    const m = /^([-+]?\d*\.?\d+(?:e[-+]?\d+)?)(%|\u2030|pp|bp|[\u00d7x]|m?s|[kmb]|[mbt]n|thousand|[mbtr]+illion|\u4e07?\u4ebf|\u4e07)?$/i.exec(n);
    return m ? +m[1] * (SCALES[(m[2] || "").toLowerCase()] || 1) : t;
  }
  const order = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
    : String(a).localeCompare(b, root.lang || undefined, { numeric: true });
  const rowsOf = (table, part) => all(`${part || ""} tr`, table).filter(row => row.closest("table") === table);

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      // A real button would be left out where a head is repeated on paper.
      const button = make("span");
      button.tabIndex = 0;
      button.setAttribute("role", "button");
      button.append(...head.childNodes);
      head.append(button);
      button.onclick = () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(h => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        all("tr", body).map(row => [value(row.cells[column]), row]).sort(([a], [b]) =>
          a === null || b === null ? (a === null) - (b === null) : down ? order(b, a) : order(a, b)
        ).forEach(pair => body.append(pair[1]));
      };
      button.onkeydown = e => {
        if (["Enter", " "].includes(e.key)) { e.preventDefault(); button.onclick(); }
      };
    });
  }

  // A table of many rows is searched: only rows that have all the words are shown.
  const MANY = 8, words = id("fl-main").dataset;
  function searchable(table) {
    const rows = rowsOf(table, "tbody"), bar = make("div"), label = make("label"), input = make("input"), said = make("p");
    if (!table.tHead || rows.length < MANY || table.querySelector("tbody [rowspan]")) return;
    bar.className = "fl-search";
    label.append(words.search, " ", input);
    bar.append(label, said);
    input.type = "search";
    said.setAttribute("role", "status");
    table.parentNode.before(bar);
    input.oninput = () => {
      const wanted = input.value.toLowerCase().split(/\s+/);
      let left = 0;
      rows.forEach(row => {
        const text = [...row.cells].map(cell => cell.textContent).join("\n").toLowerCase(), fits = wanted.every(word => text.includes(word));
        row.hidden = !fits;
        left += fits;
      });
      said.textContent = input.value.trim() ? words.found.replace("{count}", left.toLocaleString("en-US")) : "";
    };
  }

  // A cell in a file of comma-separated values: a plain number without separators, else its text between quotes.
  // What a spreadsheet would take for a formula gets a quote in front.
  function field(cell) {
    const text = cell.innerText.replace(/\s+/g, " ").trim(), n = text.replace(/^\u2212/, "-");
    if (/^[-+]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?(e[-+]?\d+)?$/i.test(n)) return n.replace(/,/g, "");
    const acts = /^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) && !/^[-+][\d.,]+%$/.test(text);
    return `"${acts ? "'" : ""}${text.replace(/"/g, '""')}"`;
  }
  // Rows as they are shown; a cell over several rows or columns stands in each of them.
  function csv(table) {
    const lines = [], rows = rowsOf(table).filter(row => !row.hidden);
    rows.forEach((row, y) => {
      let x = 0;
      const last = rows.findLastIndex(r => r.parentNode === row.parentNode);
      for (const cell of row.cells) {
        while ((lines[y] ||= [])[x] !== undefined) x += 1;
        for (let i = y; i <= Math.min(last, y + (cell.rowSpan || 1) - 1); i += 1)
          for (let j = 0; j < cell.colSpan; j += 1) (lines[i] ||= [])[x + j] = field(cell);
      }
    });
    return lines.map(line => line.join(",") + "\r\n").join("");
  }
  function saved(table) {
    const frame = table.parentNode, name = frame.getAttribute("aria-label"), button = make("button");
    const rows = rowsOf(table), wide = Math.max(...rows.map(row => row.cells.length));
    if (wide < 2 && rows.length < 3) return;
    button.type = "button";
    button.className = rows.length < 4 || !table.tHead ? "fl-csv fl-tiny" : "fl-csv";
    button.textContent = "\u2193 CSV";
    button.title = words.csv;
    button.setAttribute("aria-label", `CSV: ${name}`);
    frame.after(button);
    button.onclick = () => {
      const link = make("a");
      link.href = URL.createObjectURL(new Blob(["\ufeff" + csv(table)], { type: "text/csv" }));
      link.download = `${document.title} - ${name}`.replace(/[\\/:*?"<>|\s]+/g, " ").slice(0, 120).trim() + ".csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1e4);
    };
  }
  function equip(table) {
    if ("sort" in table.dataset) sortable(table);
    searchable(table);
    saved(table);
  }
  all(".fl-table > table").forEach(equip);
  addEventListener("fl-table", e => equip(e.target));
})();
