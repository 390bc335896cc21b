// Closes the tab that a viewer has opened: it waits for that.
window.close();
