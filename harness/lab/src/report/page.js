"use strict";
// Marks of the timeline: one is in the order of Tab, the arrow keys lead to the others.
const marks = [...document.querySelectorAll(".mark")];
const detail = document.getElementById("detail");

function choose(mark) {
  for (const other of marks) {
    other.classList.toggle("chosen", other === mark);
    other.tabIndex = other === mark ? 0 : -1;
  }
  const row = document.getElementById("line-" + mark.dataset.id);
  const [when, who, what] = row.cells;
  const head = document.createElement("p");
  const time = document.createElement("strong");
  time.textContent = when.textContent;
  head.append(time, " · " + who.textContent);
  const body = document.createElement("p");
  body.append(...what.cloneNode(true).childNodes);
  detail.replaceChildren(head, body);
}

marks.forEach((mark, n) => {
  mark.addEventListener("click", () => choose(mark));
  mark.addEventListener("focus", () => choose(mark));
  mark.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: n + 1, ArrowDown: n + 1, ArrowLeft: n - 1, ArrowUp: n - 1, Home: 0, End: marks.length - 1 };
    const to = marks[steps[event.key]];
    if (to) {
      event.preventDefault();
      to.focus();
    }
  });
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // Pages from disk may not write the clipboard everywhere: select it instead.
      getSelection().selectAllChildren(source);
    }
  });
}

for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => {
    const text = document.getElementById(button.dataset.save).textContent;
    const isText = button.dataset.name.endsWith(".md");
    const content = isText ? JSON.parse(text) : text;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type: isText ? "text/markdown" : "application/json" }));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

// On paper nothing can be opened.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((details) => (details.open = true));
});
addEventListener("afterprint", () => opened.forEach((details) => (details.open = false)));
