import { formsOf } from '../words';

export const { plural, list, number, decimal } = formsOf('de');
