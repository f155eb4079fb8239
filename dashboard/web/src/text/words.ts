// Words by key in both languages. Keys of enumerations are those of the server: `alarm.overspeed`, `status.acc_on`.
import en from './en.json' with { type: 'json' };
import zh from './zh.json' with { type: 'json' };

export type Key = keyof typeof zh;
export type Language = 'zh' | 'en';
export type Values = Readonly<Record<string, string | number>>;

export const WORDS: Readonly<Record<Language, Readonly<Record<Key, string>>>> = { zh, en };
export const LOCALE: Readonly<Record<Language, string>> = { zh: 'zh-CN', en: 'en-GB' };

/** A text with its {places} filled. */
export function phrase(language: Language, key: Key, values: Values = {}): string {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** The word of an enumeration's member; its key where a newer server knows more than we do. */
export function word(language: Language, kind: string, member: string): string {
  return (WORDS[language] as Readonly<Record<string, string>>)[`${kind}.${member}`] ?? member;
}
