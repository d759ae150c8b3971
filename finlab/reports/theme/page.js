(function () {
  "use strict";
  var root = document.documentElement, all = function (q, e) { return [].slice.call((e || document).querySelectorAll(q)); };
  root.classList.add("js");
  all(".fl-tools").forEach(function (e) { e.hidden = false; });

  var code = document.getElementById("fl-code");
  if (code) code.onclick = function () {
    var on = root.classList.toggle("fl-with-code");
    code.setAttribute("aria-pressed", on);
    all(".fl-code").forEach(function (e) { e.open = on; });
  };
  var colours = document.getElementById("fl-colours"), system = matchMedia("(prefers-color-scheme: dark)");
  function dark() { return root.dataset.theme ? root.dataset.theme === "dark" : system.matches; }
  function press() { colours.setAttribute("aria-pressed", dark()); }
  colours.onclick = function () { root.dataset.theme = dark() ? "light" : "dark"; press(); };
  system.onchange = press;
  press();

  // What scrolls can be reached by the keyboard.
  function reach() {
    all("pre").forEach(function (e) { if (e.scrollHeight > e.clientHeight || e.scrollWidth > e.clientWidth) e.tabIndex = 0; });
  }
  document.addEventListener("toggle", reach, true);
  addEventListener("resize", reach);
  reach();

  // Paper does not scroll: a table that is too wide even with a word a line is set tighter, then made smaller.
  // The width is that of A4, the narrower of the usual papers, without the margins of the style sheet, in CSS pixels.
  var PAPER = 700;
  addEventListener("beforeprint", function () {
    all(".fl-table > table").forEach(function (table) {
      table.style.width = "min-content";
      table.classList.toggle("fl-fit", table.offsetWidth > PAPER);
      var ratio = PAPER / table.offsetWidth;
      table.style.width = "";
      if (ratio < 1) table.style.zoom = ratio;
    });
  });
  addEventListener("afterprint", function () {
    all(".fl-table > table").forEach(function (table) { table.classList.remove("fl-fit"); table.style.zoom = ""; });
  });

  // What is folded away is open on paper, where nothing can be opened.
  var folds = all("main details:not(.fl-code):not(.fl-messages)"), shut = [];
  addEventListener("beforeprint", function () {
    shut = folds.filter(function (e) { return !e.open; });
    shut.forEach(function (e) { e.open = true; });
  });
  addEventListener("afterprint", function () { shut.forEach(function (e) { e.open = false; }); });

  // A long table that is folded away is searched: only rows that have all the words are shown.
  var SEARCHED = 20;
  all("main details > .fl-table > table").forEach(function (table) {
    var rows = all("tbody tr", table), frame = table.parentNode, words = document.getElementById("fl-main").dataset;
    if (rows.length < SEARCHED) return;
    var label = document.createElement("label"), input = document.createElement("input"), said = document.createElement("p");
    label.className = "fl-search";
    label.textContent = words.search;
    input.type = "search";
    label.appendChild(input);
    said.setAttribute("role", "status");
    frame.parentNode.insertBefore(label, frame);
    frame.parentNode.insertBefore(said, frame);
    input.oninput = function () {
      var wanted = input.value.toLowerCase().split(/\s+/), left = 0;
      rows.forEach(function (row) {
        var text = row.textContent.toLowerCase(), fits = wanted.every(function (word) { return text.indexOf(word) >= 0; });
        row.hidden = !fits;
        left += fits;
      });
      said.textContent = input.value.trim() ? words.found.replace("{count}", left.toLocaleString("en-US")) : "";
    };
  });

  var contents = document.querySelector(".fl-toc details"), links = all(".fl-toc a");
  if (contents && matchMedia("(max-width: 69.99rem)").matches) contents.open = false;
  if (links.length && window.IntersectionObserver) {
    var watch = new IntersectionObserver(function (seen) {
      seen.forEach(function (s) {
        if (s.isIntersecting) links.forEach(function (a) {
          if (decodeURIComponent(a.hash.slice(1)) === s.target.id) a.setAttribute("aria-current", "true");
          else a.removeAttribute("aria-current");
        });
      });
    }, { rootMargin: "0px 0px -75% 0px" });
    all("main h2[id], main h3[id]").forEach(function (h) { watch.observe(h); });
  }

  // A cell's value: a number (separators, percent, brackets for a loss, a scale), a date as it stands, else its text.
  var SCALES = { k: 1e3, thousand: 1e3, m: 1e6, mn: 1e6, million: 1e6, b: 1e9, bn: 1e9, billion: 1e9, tn: 1e12,
    trillion: 1e12, "\u4e07": 1e4, "\u4ebf": 1e8, "\u4e07\u4ebf": 1e12 };
  function value(cell) {
    var t = cell.textContent.trim();
    if (/^(|[-\u2013\u2014\u00b7]|nan|none|nat|<na>|n\/a|missing|\u7f3a\u5931)$/i.test(t)) return null;
    if (/^\d{4}-\d\d/.test(t)) return t;
    var n = t.replace(/^[<>\u2264\u2265~\u2248\u00b1]\s*/, "").replace(/[,'\u2019\u00a0\u202f_\s]/g, "").replace(/\u2212/g, "-")
      .replace(/^\((.*)\)$/, "-$1").replace(/^([-+]?)(CN\u00a5|[\u00a5$\u20ac\u00a3]|CNY|USD|EUR)/, "$1").replace(/[*\u2020\u2021]+$/, "")
      .replace(/(\d|[a-z\u4e07\u4ebf])(CNY|USD|EUR|GBP|\u7f8e?\u5143)$/i, "$1");
    var m = /^([-+]?\d*\.?\d+(?:e[-+]?\d+)?)(%|\u2030|pp|bp|[\u00d7x]|m?s|[kmb]|[mbt]n|thousand|[mbtr]+illion|\u4e07?\u4ebf|\u4e07)?$/i.exec(n);
    return m ? +m[1] * (SCALES[(m[2] || "").toLowerCase()] || 1) : t;
  }
  function order(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), root.lang || undefined, { numeric: true });
  }
  all("table[data-sort]").forEach(function (table) {
    var heads = all("thead th", table), body = table.tBodies[0];
    heads.forEach(function (head, column) {
      if (!head.textContent.trim()) return;
      // A real button would be left out where a head is repeated on paper.
      var button = document.createElement("span");
      button.tabIndex = 0;
      button.setAttribute("role", "button");
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.onclick = function () {
        var down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (h) { h.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        all("tr", body).map(function (row) { return [value(row.cells[column]), row]; }).sort(function (a, b) {
          if (a[0] === null || b[0] === null) return (a[0] === null) - (b[0] === null);
          return down ? order(b[0], a[0]) : order(a[0], b[0]);
        }).forEach(function (pair) { body.appendChild(pair[1]); });
      };
      button.onkeydown = function (e) {
        if (e.key === "Enter" || e.key === " ") { e.preventDefault(); button.onclick(); }
      };
    });
  });
})();
