import type { UsageEvent } from '../events';
import { UsageForm } from './usage-form';

/** Forms that are remembered. Senders use few; where there are more, trying them all would cost more than it gains. */
const FORMS_MAX = 16;

/** Once so many are known, one in so many events of an unknown form makes the oldest give way: making a pattern costs as much as reading 100 events. */
const MISSES_PER_FORM = 256;

const [SPACE, TAB, LINE_FEED, RETURN] = [0x20, 0x09, 0x0a, 0x0d];
const [COMMA, BRACKET_OPEN, BRACKET_CLOSE] = [0x2c, 0x5b, 0x5d];

const pastSpace = (text: string, at: number): number => {
  for (let next = at; ; next++) {
    const code = text.charCodeAt(next);
    if (code !== SPACE && code !== LINE_FEED && code !== RETURN && code !== TAB) return next;
  }
};

/** Remembers how senders write their usage events, and reads events that are written like those before. */
export class KnownForms {
  /** That which matched last comes first. */
  private readonly forms: UsageForm[] = [];
  private misses = 0;
  private end = 0;

  /** The events of a text that is a JSON list of 1 to `max` of them, all good; null where it is not, or only reading it as JSON can tell. */
  readList(text: string, max: number): UsageEvent[] | null {
    let at = pastSpace(text, 0);
    if (text.charCodeAt(at) !== BRACKET_OPEN) return null;
    const usages: UsageEvent[] = [];
    do {
      const usage = this.read(text, pastSpace(text, at + 1));
      if (usage === null || usages.length === max) return null;
      usages.push(usage);
      at = pastSpace(text, this.end);
    } while (text.charCodeAt(at) === COMMA);
    const isWhole = text.charCodeAt(at) === BRACKET_CLOSE && pastSpace(text, at + 1) === text.length;
    return isWhole ? usages : null;
  }

  /** The event that a text is, a good one; null where it is not, or only reading it as JSON can tell. */
  readOne(text: string): UsageEvent | null {
    const usage = this.read(text, pastSpace(text, 0));
    return usage !== null && pastSpace(text, this.end) === text.length ? usage : null;
  }

  private read(text: string, at: number): UsageEvent | null {
    const { forms } = this;
    for (const [place, form] of forms.entries()) {
      const usage = form.read(text, at);
      if (usage === null) continue;
      if (place > 0) {
        forms.splice(place, 1);
        forms.unshift(form);
      }
      this.end = form.end;
      return usage;
    }
    if (forms.length >= FORMS_MAX && ++this.misses % MISSES_PER_FORM !== 0) return null;
    const form = UsageForm.of(text, at);
    if (form === null) return null;
    if (forms.length >= FORMS_MAX) forms.pop();
    forms.unshift(form);
    return this.read(text, at);
  }
}
