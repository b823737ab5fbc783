// Puts the chat on a page: <script src="https://HOST/api/chat/ID/widget.js" async></script>
// data-identity="JWT" says who the visitor is; or call discreetChat.identify(JWT) later.
"use strict";
(() => {
  const script = document.currentScript;
  const page = new URL("./", script.src);
  let identity = script.dataset.identity || null;

  const frame = document.createElement("iframe");
  frame.title = script.dataset.title || "Chat";
  frame.hidden = true;
  Object.assign(frame.style, {
    position: "fixed", right: "16px", bottom: "80px", width: "min(380px, calc(100vw - 32px))",
    height: "min(560px, calc(100vh - 112px))", border: "1px solid #8886", borderRadius: "12px",
    boxShadow: "0 8px 32px #0004", zIndex: "2147483000", colorScheme: "normal",
  });
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = script.dataset.label || "Chat";
  button.setAttribute("aria-expanded", "false");
  Object.assign(button.style, {
    position: "fixed", right: "16px", bottom: "16px", padding: "14px 20px", border: "0",
    borderRadius: "999px", background: "#1b5e8a", color: "#fff", font: "600 16px system-ui",
    cursor: "pointer", zIndex: "2147483000",
  });

  const tell = () => {
    if (frame.src) frame.contentWindow.postMessage({ discreet: "identity", identity }, page.origin);
  };
  button.addEventListener("click", () => {
    if (!frame.src) frame.src = page.href;
    frame.hidden = !frame.hidden;
    button.setAttribute("aria-expanded", String(!frame.hidden));
    if (!frame.hidden) frame.focus();
  });
  addEventListener("message", (event) => {
    const mine = event.source === frame.contentWindow && event.origin === page.origin;
    if (mine && event.data && event.data.discreet === "ready") tell();
  });
  window.discreetChat = {
    identify(jwt) {
      identity = jwt;
      tell();
    },
  };
  const add = () => document.body.append(frame, button);
  if (document.body) add();
  else addEventListener("DOMContentLoaded", add);
})();
