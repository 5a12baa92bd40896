// Timestamps as publishers and clients write them: ISO 8601 with a time zone, in the years that ISO 8601 has in UTC.

/** Whether the timestamp's year in UTC is one of 0001 to 9999. Others can't be written in UTC with four digits. @param text ISO 8601 */
export const isInYearsOfIso = (text: string): boolean => {
  const year = text.slice(0, 4);
  if (year > '0001' && year < '9999') return true; // a time zone moves it by a day at most
  const utcYear = new Date(text).getUTCFullYear();
  return utcYear >= 1 && utcYear <= 9999;
};
