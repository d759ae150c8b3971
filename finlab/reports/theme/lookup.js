(function () {
  "use strict";
  var SVG = "http:/" + "/www.w3.org/2000/svg", OFFERED = 50, TALL = 300, APART = 76;

  function fill(e, attributes, text) {
    Object.keys(attributes || {}).forEach(function (name) { e.setAttribute(name, attributes[name]); });
    if (text !== undefined) e.textContent = text;
    return e;
  }
  function make(tag, attributes, text) { return fill(document.createElement(tag), attributes, text); }
  function draw(tag, attributes, text) { return fill(document.createElementNS(SVG, tag), attributes, text); }
  function put(words, gaps) { return words.replace(/\{(\w+)\}/g, function (all, gap) { return gap in gaps ? gaps[gap] : all; }); }
  function known(v) { return typeof v === "number" && isFinite(v); }

  // As many decimals as the tables of the page have for numbers of this size.
  function writer(values) {
    var largest = Math.max.apply(null, values.filter(known).map(Math.abs).concat(0));
    var places = largest >= 1000 || !largest ? 0 : largest >= 100 ? 1 : largest >= 10 ? 2 : largest >= .1 ? 3
      : Math.min(2 - Math.floor(Math.log10(largest)), 12);
    return function (v) {
      if (!known(v)) return "\u2014";
      if (Math.abs(v) >= 1e15) return v.toExponential(2);
      return v.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
    };
  }
  function ticks(low, high, count) {
    var raw = (high - low) / count || 1, power = Math.pow(10, Math.floor(Math.log10(raw))), found = [];
    var step = power * [1, 2, 5, 10].filter(function (s) { return s * power >= raw; })[0];
    for (var i = Math.ceil(low / step); i * step <= high && found.length < 20; i += 1) found.push(i * step);
    return found;
  }

  [].slice.call(document.querySelectorAll(".fl-look")).forEach(function (box) {
    var data = JSON.parse(box.querySelector("script").textContent), say = data.words, levels = data.levels;
    var input = box.querySelector("input"), offer = box.querySelector("datalist"), said = box.querySelector("[role=status]");
    var shown = box.querySelector(".fl-look-shown"), places = new Map(), current = null, wide = 0;
    data.series.forEach(function (row, place) { places.set(String(row[0]).trim(), place); });
    box.querySelector(".fl-look-tool").hidden = false;

    // A series as it lies in the page: whole numbers, to be scaled; the ends of intervals as distances from the mean.
    function unpack(place) {
      var row = data.series[place], mean = row[8][0], steps = mean.length;
      function scaled(numbers, power) {
        return numbers.map(function (v) { return !known(v) ? null : power < 0 ? v / Math.pow(10, -power) : v * Math.pow(10, power); });
      }
      function ends(level, sign) {
        var far = row[8][sign < 0 || !row[8][2] ? 1 : 2].slice(level * steps, (level + 1) * steps);
        return scaled(mean.map(function (v, i) { return known(v) && known(far[i]) ? v + sign * far[i] : null; }), row[7]);
      }
      return {
        name: String(row[0]), unit: data.units[row[1]], calendar: data.calendars[row[2]], model: data.models[row[3]],
        form: data.forms[row[4]], errors: row[5], past: scaled(row[6][1], row[6][0]), mean: scaled(mean, row[7]),
        low: levels.map(function (_, i) { return ends(i, -1); }), high: levels.map(function (_, i) { return ends(i, 1); })
      };
    }

    function chart(one) {
      var width = Math.max(shown.clientWidth || 640, 260), past = one.past, n = past.length, h = one.mean.length;
      var all = [].concat.apply([], [past, one.mean].concat(one.low, one.high)).filter(known);
      var low = Math.min.apply(null, all), high = Math.max.apply(null, all), room = (high - low) * .04 || Math.abs(high) * .1 || 1;
      low -= room; high += room;
      var marks = ticks(low, high, 5), step = marks.length > 1 ? marks[1] - marks[0] : 1, decimals = Math.max(0, -Math.floor(Math.log10(step)));
      function write(v) {
        return Math.abs(v) >= 1e15 ? v.toExponential(1) : v.toLocaleString("en-US", { maximumFractionDigits: Math.min(decimals, 12) });
      }
      var left = 14 + 7.5 * Math.max.apply(null, marks.map(function (v) { return write(v).length; })), right = width - 12;
      function x(place) { return left + (place + n - 1) / Math.max(n - 1 + h, 1) * (right - left); }
      function y(value) { return 10 + (high - value) / (high - low) * (TALL - 44); }
      function line(values, from) {
        var pen = "M";
        return values.map(function (v, i) {
          if (!known(v)) { pen = "M"; return ""; }
          var part = pen + x(from + i).toFixed(1) + " " + y(v).toFixed(1);
          pen = "L";
          return part;
        }).join("");
      }
      var last = past[n - 1], format = writer(all), top = levels.length - 1, end = h - 1;
      var told = put(say.told, { name: one.name, last: format(last), mean: format(one.mean[end]), when: one.calendar.ahead[end],
        level: levels[top], low: format(one.low[top][end]), high: format(one.high[top][end]) });
      var svg = draw("svg", { viewBox: "0 0 " + width + " " + TALL, width: width, height: TALL, role: "img", "aria-label": told });
      marks.forEach(function (v) {
        svg.appendChild(draw("path", { "class": "fl-grid", d: "M" + left + " " + y(v).toFixed(1) + "H" + right }));
        svg.appendChild(draw("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, write(v)));
      });
      var free = Infinity;
      [[h, one.calendar.ahead[end]]].concat(one.calendar.ticks).forEach(function (tick) {
        if (tick[0] < 1 - n || x(tick[0]) > free) return;
        free = x(tick[0]) - APART;
        var anchor = tick[0] === h ? "end" : x(tick[0]) < left + 30 ? "start" : "middle";
        if (tick[0] === h) free -= 30;
        svg.appendChild(draw("path", { "class": "fl-tick", d: "M" + x(tick[0]).toFixed(1) + " " + (TALL - 34) + "v5" }));
        svg.appendChild(draw("text", { x: x(tick[0]), y: TALL - 12, "text-anchor": anchor }, tick[1]));
      });
      for (var level = top; level >= 0; level -= 1) {
        var up = [last].concat(one.high[level]), down = [last].concat(one.low[level]).reverse(), corners = [];
        up.forEach(function (v, i) { if (known(v)) corners.push(x(i).toFixed(1) + " " + y(v).toFixed(1)); });
        down.forEach(function (v, i) { if (known(v)) corners.push(x(h - i).toFixed(1) + " " + y(v).toFixed(1)); });
        if (corners.length > 2) svg.appendChild(draw("path", { "class": "fl-band", d: "M" + corners.join("L") + "Z" }));
      }
      svg.appendChild(draw("path", { "class": "fl-tick", d: "M" + x(0).toFixed(1) + " 10V" + (TALL - 34), "stroke-dasharray": "2 3" }));
      svg.appendChild(draw("path", { "class": "fl-past", d: line(past, 1 - n) }));
      svg.appendChild(draw("path", { "class": "fl-ahead", d: line([last].concat(one.mean), 0) }));
      return svg;
    }

    function facts(one) {
      var list = make("dl", { "class": "fl-look-facts" });
      [[say.model, one.model], [say.form, one.form], [say.error, one.errors && put(say.errors, {
        error: known(one.errors[0]) ? one.errors[0].toFixed(2) : "\u2014", rival: known(one.errors[1]) ? one.errors[1].toFixed(2) : "\u2014" })]
      ].forEach(function (pair) {
        if (!pair[1]) return;
        var row = list.appendChild(make("div"));
        row.appendChild(make("dt", {}, pair[0]));
        row.appendChild(make("dd", {}, pair[1]));
      });
      return list;
    }

    function table(one) {
      var frame = make("div", { "class": "fl-table", role: "region", tabindex: "0", "aria-label": put(say.table, one) });
      var grid = frame.appendChild(make("table", { "data-sort": "" })), head = grid.createTHead().insertRow(), body = grid.createTBody();
      var columns = [one.mean], format;
      [say.date, say.mean].concat([].concat.apply([], levels.map(function (level, i) {
        columns.push(one.low[i], one.high[i]);
        return [put(say.from, { level: level }), put(say.to, { level: level })];
      }))).forEach(function (name, i) { head.appendChild(make("th", { scope: "col", "class": i ? "num" : "day" }, name)); });
      format = writer([].concat.apply([], columns));
      one.calendar.ahead.forEach(function (date, step) {
        var row = body.insertRow();
        row.appendChild(make("th", { scope: "row", "class": "day" }, date));
        columns.forEach(function (column) { row.appendChild(make("td", { "class": "num" }, format(column[step]))); });
      });
      return frame;
    }

    function show(place) {
      current = place;
      shown.textContent = "";
      var one = unpack(place), figure = make("figure"), key = make("figcaption");
      shown.appendChild(make("h3", {}, one.unit ? one.name + " (" + one.unit + ")" : one.name));
      shown.appendChild(figure);
      wide = shown.clientWidth;
      if (!one.mean.some(known)) key.textContent = say.no_forecast;
      figure.appendChild(chart(one));
      [["fl-past", say.actual], ["fl-ahead", say.forecast]].concat(levels.map(function (level, i) {
        return ["fl-band fl-shade" + (levels.length - i), put(say.interval, { level: level })];
      })).forEach(function (mark) {
        var part = key.appendChild(make("span"));
        part.appendChild(make("i", { "class": mark[0] }));
        part.appendChild(document.createTextNode(mark[1]));
      });
      figure.appendChild(key);
      shown.appendChild(facts(one));
      shown.appendChild(table(one)).firstChild.dispatchEvent(new Event("fl-table", { bubbles: true }));
    }

    function matching(text) {
      var wanted = text.trim().toLowerCase();
      return data.series.map(function (row) { return String(row[0]); }).filter(function (name) { return name.toLowerCase().indexOf(wanted) >= 0; });
    }
    function choose(name) {
      show(places.get(name.trim()));
      said.textContent = put(say.shown, { name: name });
    }
    function suggest() {
      var text = input.value, found = matching(text);
      offer.textContent = "";
      found.slice(0, OFFERED).forEach(function (name) { offer.appendChild(make("option", { value: name })); });
      if (places.has(text.trim())) return choose(text);
      said.textContent = text.trim() ? put(found.length ? say.found : say.none, { count: found.length.toLocaleString("en-US"), text: text.trim() }) : "";
    }
    function first() {
      var found = matching(input.value);
      if (places.has(input.value.trim())) return choose(input.value);
      if (!input.value.trim() || !found.length) return suggest();
      input.value = found[0];
      choose(found[0]);
    }
    input.oninput = suggest;
    input.onfocus = function () { if (!offer.firstChild) suggest(); };
    input.onkeydown = function (e) { if (e.key === "Enter") { e.preventDefault(); first(); } };
    box.querySelector("button").onclick = first;
    addEventListener("resize", function () { if (current !== null && shown.clientWidth !== wide) show(current); });

    // A name at the head of a row, anywhere on the page, leads here.
    [].slice.call(document.querySelectorAll("main tr > :first-child")).forEach(function (cell) {
      var name = cell.textContent.trim();
      if (!places.has(name) || cell.closest("thead, .fl-made, .fl-look")) return;
      var button = make("button", { type: "button", "class": "fl-look-link" }, name);
      cell.textContent = "";
      cell.appendChild(button);
      button.onclick = function () { input.value = name; choose(name); box.scrollIntoView(); input.focus({ preventScroll: true }); };
    });
  });
})();
