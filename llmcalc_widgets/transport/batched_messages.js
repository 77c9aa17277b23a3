// Sets what one message brings to many widgets in one task of the page, and holds back what is late
// until the frame before it is painted.

const LONGEST_MS = 250; // frames don't come where nobody looks

const frame = () => new Promise(requestAnimationFrame);

const task = () =>
  new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });

const painted = () =>
  Promise.race([
    frame().then(frame).then(task),
    new Promise((resolve) => setTimeout(resolve, LONGEST_MS)),
  ]);

export default {
  initialize({ model }) {
    const manager = model.widget_manager;
    if (!manager?.has_model) return;
    const deliver = async (id, data, buffers, ready) => {
      const widget = await manager.get_model(id);
      widget.state_change = widget.state_change.then(() => ready);
      widget._handle_comm_msg({ content: { data }, buffers });
    };
    model.on("msg:custom", ({ late, updates }, buffers) => {
      const ready = late ? painted() : undefined;
      let at = 0;
      for (const [id, data] of updates) {
        const count = data.buffer_paths.length;
        const own = buffers.slice(at, at + count);
        at += count;
        if (manager.has_model(id)) deliver(id, data, own, ready);
      }
    });
    model.send("listening");
  },
};
