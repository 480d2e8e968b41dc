const ZONELESS = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2}(?:\.\d+)?)$/;
const SPACED = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d+)?) ?(Z|z|UTC|[+-]\d{2}:\d{2})$/;

/**
 * A time as exports write it (`2023-11-16 18:15:46.6805900`) in the form that events have: without a zone it is read
 * as UTC. What it cannot read it leaves as it is, for the check that every event passes.
 */
export const utcTime = (text: string): string => {
  const zoneless = ZONELESS.exec(text);
  if (zoneless !== null) return `${zoneless[1] ?? ''}T${zoneless[2] ?? ''}Z`;
  const spaced = SPACED.exec(text);
  if (spaced === null) return text;
  return `${spaced[1] ?? ''}T${spaced[2] ?? ''}${spaced[3] === 'UTC' ? 'Z' : (spaced[3] ?? '')}`;
};
