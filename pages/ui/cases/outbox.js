// On every page: sends what a board could not, because its page was left or loaded anew meanwhile.

const PATIENCE = 2000; // ms that a board has to send it itself
const AGAIN = 10000; // ms until it is sent again
const BOXES = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  const box = BOXES.get(parentElement) ?? { sent: "", at: 0 };
  BOXES.set(parentElement, box);
  forget(data.taken);
  const own = () => unsent().filter((action) => action.person === data.person);
  const send = () => {
    const now = Date.now();
    const actions = own().filter((action) => Math.abs(now - action.at) > PATIENCE);
    const keys = actions.map((action) => action.key).join();
    if (!keys || (keys === box.sent && now - box.at < AGAIN)) return;
    Object.assign(box, { sent: keys, at: now });
    setStateValue("unsent", { at: now, actions });
  };
  const warn = (event) => {
    if (own().length) event.preventDefault();
  };
  const timer = setInterval(send, 500);
  addEventListener("beforeunload", warn);
  return () => {
    clearInterval(timer);
    removeEventListener("beforeunload", warn);
  };
}
