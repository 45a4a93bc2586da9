/**
 * For `before` of `Person.signIn`: frames with this command do not leave the page while `window.holding` says so;
 * `window.letGo()` sends them.
 */
export const holding = (op) => (page) =>
  page.evaluateOnNewDocument((wanted) => {
    const { send } = WebSocket.prototype;
    window.holding = false;
    window.heldBack = [];
    window.letGo = () => {
      window.holding = false;
      for (const go of window.heldBack.splice(0)) go();
    };
    WebSocket.prototype.send = function (frame) {
      if (window.holding && String(frame).includes(wanted)) window.heldBack.push(() => send.call(this, frame));
      else send.call(this, frame);
    };
  }, op);
