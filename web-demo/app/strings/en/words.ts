import { formsOf } from '../words';

export { codes } from '../words';
export const { plural, list, number, decimal } = formsOf('en');
