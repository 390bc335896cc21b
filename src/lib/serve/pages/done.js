// Closes the tab: the viewer that opened it waits for that.
window.close();
