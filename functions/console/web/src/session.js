// The access token in sessionStorage: of this tab, until it is closed. Where
// the browser keeps nothing, a session ends with the page.

const name = "latchkey-access-token";

export const recall = () => attempt(() => sessionStorage.getItem(name));
export const keep = (accessToken) => attempt(() => sessionStorage.setItem(name, accessToken));
export const forget = () => attempt(() => sessionStorage.removeItem(name));

function attempt(work) {
  try {
    return work() ?? null;
  } catch {
    return null;
  }
}
