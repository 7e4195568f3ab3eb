// In a served page only: takes new pictures from the server, and shows what is wrong with the files over the last one.
"use strict";
(() => {
  const box = document.createElement("div"), heading = document.createElement("strong"), text = document.createElement("pre");
  box.id = "fault"; box.setAttribute("role", "alert"); box.hidden = true; box.tabIndex = 0;
  box.append(heading, text);
  document.body.prepend(box);
  /** @param {string} title @param {string} message */
  const say = (title, message) => {
    heading.textContent = title; text.textContent = message; text.hidden = !message; box.hidden = !title;
  };
  const since = JSON.parse(document.getElementById("picture").textContent);
  const stream = new EventSource(`pictures?since=${encodeURIComponent(since)}`);
  let fault = "";
  const tell = () => say(fault ? (document.querySelector("main") ? "The last good picture stands below." : "There is no picture yet.") : "", fault);
  stream.onmessage = (event) => {
    const found = JSON.parse(event.data);
    if (found.data) document.dispatchEvent(new CustomEvent("cnncalc", {detail: found.data}));
    fault = found.fault;
    tell();
  };
  stream.onopen = tell;
  stream.onerror = () => say("The server has ended, or does not answer. This page shows what it told last.", fault);
})();
