// Sets what one message brings to many widgets in one task of the page, and holds back what is late
// until the frame before it is painted. What it cannot set it tells the kernel, which then sends
// every widget its own messages: a page may make its widgets when they are first seen, as Colab's
// does, and would make them of a state that it has never been told.

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

/** Gives each update its own buffers; a page may leave out the field where there are none. */
const withBuffers = (updates, buffers) => {
  const all = buffers ?? [];
  let at = 0;
  const parts = updates.map(([id, data]) => {
    const start = at;
    at += data.buffer_paths?.length ?? 0;
    return { id, data, buffers: all.slice(start, at) };
  });
  if (at > all.length) throw new Error(`${at} buffers were sent, ${all.length} came`);
  return parts;
};

export default {
  initialize({ model }) {
    const manager = model.widget_manager;
    if (!manager?.has_model) return;
    let failed = false;
    const tell = (error) => {
      if (!failed) console.warn(`llmcalc: a message could not be set: ${error}`);
      failed = true;
      model.send("not set");
    };
    const deliver = async ({ id, data, buffers }, ready) => {
      const widget = await manager.get_model(id);
      widget.state_change = widget.state_change.then(() => ready);
      await widget._handle_comm_msg({ content: { data }, buffers });
    };
    model.on("msg:custom", ({ late, updates }, buffers) => {
      try {
        const ready = late ? painted() : undefined;
        for (const part of withBuffers(updates, buffers)) {
          if (!manager.has_model(part.id)) throw new Error(`${part.id} is not in this page`);
          deliver(part, ready).catch(tell);
        }
      } catch (error) {
        tell(error);
      }
    });
    model.send("listening");
  },
};
