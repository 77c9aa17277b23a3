// Lets go of widgets that the kernel closes: JupyterLab keeps every comm, and a comm its model.

const nothing = () => {};

const release = (model) => {
  const comm = model.comm;
  comm?.on_close(() => {
    comm.on_msg(nothing);
    comm.on_close(nothing);
    model.trigger("comm:close", model);
    model.close(true);
  });
};

export default {
  initialize({ model }) {
    const manager = model.widget_manager;
    model.on("msg:custom", (ids) => {
      for (const id of ids.filter((id) => manager.has_model(id))) {
        manager.get_model(id).then(release);
      }
    });
  },
};
