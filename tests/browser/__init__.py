"""A real JupyterLab in a real Chromium: server, notebook page, kernel, chart and controls."""
