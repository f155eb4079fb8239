// The language that is chosen now. Every text on the screen is asked of this, so a switch is instant.
import { LOCALE, phrase, word, type Key, type Language, type Values } from './words.ts';

const KEPT = 'taxihub.language';

class Text {
  language = $state<Language>(localStorage.getItem(KEPT) === 'en' ? 'en' : 'zh');

  get locale(): string {
    return LOCALE[this.language];
  }

  switch(): void {
    this.language = this.language === 'zh' ? 'en' : 'zh';
    localStorage.setItem(KEPT, this.language);
  }

  of(key: Key, values?: Values): string {
    return phrase(this.language, key, values);
  }

  word(kind: string, member: string): string {
    return word(this.language, kind, member);
  }
}

export const text = new Text();
/** The text of a key in the chosen language. */
export const t = (key: Key, values?: Values): string => text.of(key, values);
