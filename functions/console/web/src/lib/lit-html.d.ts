// Types for the copy of lit-html beside this file. The values of a template
// are narrower than lit-html's own, so that a wrong one is a type error.
import type { TemplateResult } from "lit-html";

export type { TemplateResult };
export { nothing, render } from "lit-html";

// A function is an event listener. It gets the event of the element it stands on.
export type TemplateValue =
  | string | number | boolean | symbol | null | undefined
  | TemplateResult
  | ((event: any) => unknown)
  | readonly TemplateValue[];

export function html(strings: TemplateStringsArray, ...values: TemplateValue[]): TemplateResult;
export function svg(strings: TemplateStringsArray, ...values: TemplateValue[]): TemplateResult;
