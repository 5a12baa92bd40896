// Schemas of numbers in a range, whose issues say which.
import * as z from 'zod';

export const number = (what: string, least: number, most: number) => {
  const error = `${what} is a number from ${least} to ${most}.`;
  return z.number({ error }).min(least, error).max(most, error);
};

export const wholeNumber = (what: string, least: number, most: number) => {
  const error = `${what} is a whole number from ${least} to ${most}.`;
  return z.int({ error }).min(least, error).max(most, error);
};
