// The link to log in or out, where people can log in.
const root = document.documentElement.dataset.root;

/** Shows the link to log in, or the user and the link to log out; nothing if everybody may see everything. */
export function showAccount(account) {
  if (!account) return;
  const place = document.getElementById("account");
  const link = document.createElement("a");
  const here = location.pathname.slice(new URL(root, location.href).pathname.length - 1) + location.search;
  link.href = account.user ? `${root}auth/logout` : `${root}auth/login?back=${encodeURIComponent(here)}`;
  link.textContent = account.user ? `Log out ${account.user}` : "Log in";
  place.replaceChildren(link);
  place.hidden = false;
}
