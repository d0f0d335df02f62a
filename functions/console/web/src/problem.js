// @ts-check
// What goes wrong, in words for the user.

/** An error to show to the user: from the API, from the network, or about the input. */
export class Problem extends Error {
  #field;

  /**
   * @param {string} message
   * @param {{ status?: number, code?: string, requestId?: string, retryAfter?: number, field?: string }} [details]
   */
  constructor(message, { status = 0, code = "", requestId = "", retryAfter = 0, field = "" } = {}) {
    super(message);
    this.status = status; // 0: no response
    this.code = code;
    this.requestId = requestId;
    this.retryAfter = retryAfter; // seconds
    this.#field = field;
  }

  /** Whether the request may or may not have been carried out. */
  get outcomeUnknown() { return this.status === 0 || this.status >= 500; }

  /** The input field that the message is about, such as name or windows[0].quota, or "". The API's messages start with it. */
  get field() {
    if (this.#field !== "" || !["invalid_parameter", "policy_violation"].includes(this.code)) return this.#field;
    return /^[a-z_]+(\[\d+\]\.[a-z_]+)?/.exec(this.message)?.[0] ?? "";
  }
}

/**
 * Returns an error as a Problem. Another error is a bug of this page; its text goes
 * to the browser's console.
 * @param {unknown} error
 * @returns {Problem}
 */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("Unexpected error in this page. Reload it and try again.");
}
