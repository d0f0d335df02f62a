// @ts-check
// The access token in sessionStorage, which belongs to this tab and ends with
// it. If the browser blocks storage, the session ends when the page is left.

const itemName = "latchkey-access-token";

export const loadAccessToken = () => withStorage((storage) => storage.getItem(itemName));

/** @param {string} accessToken */
export const saveAccessToken = (accessToken) => withStorage((storage) => storage.setItem(itemName, accessToken));

export const clearAccessToken = () => withStorage((storage) => storage.removeItem(itemName));

/**
 * @template Value
 * @param {(storage: Storage) => Value} access
 */
function withStorage(access) {
  try {
    return access(window.sessionStorage) ?? null;
  } catch {
    return null;
  }
}
