// Sends the message of the token service to the page around this frame, if it is on the site that asked.
const { origin, message } = document.documentElement.dataset;
window.parent.postMessage(JSON.parse(message), origin);
