import { describe, expect, it } from 'vitest';
import { readLink } from './link-code';

const CODE = 'aB3_-6789012345678901z';
const HERE = 'meet.example.org';
const read = (text: string, here = HERE) => readLink(text, here);

describe('a pasted link', () => {
  it('has its code anywhere in it', () => {
    const ways = [
      CODE, ` ${CODE}\n`, `https://${HERE}/j/${CODE}`, `http://${HERE}/j/${CODE}/`, `${HERE}/j/${CODE}`, `/j/${CODE}`, `https://${HERE}/j/${CODE}?lang=de#top`,
      `<https://${HERE}/j/${CODE}>`, `Join us: https://${HERE}/j/${CODE}.`, `https://MEET.example.org/j/${CODE}`,
    ];
    for (const one of ways) expect(read(one), one).toEqual({ code: CODE });
    expect(read(`http://127.0.0.1:7880/j/${CODE}`, '127.0.0.1:7880')).toEqual({ code: CODE });
    expect(read(`http://[::1]:7880/j/${CODE}`, '[::1]:7880')).toEqual({ code: CODE });
  });

  it('of another server is told apart', () => {
    expect(read(`https://other.example/j/${CODE}`)).toEqual({ problem: 'elsewhere', host: 'other.example' });
    expect(read(`http://${HERE}:8080/j/${CODE}`)).toEqual({ problem: 'elsewhere', host: `${HERE}:8080` });
  });

  it('is nothing else', () => {
    expect(read('  ')).toEqual({ problem: 'missing' });
    const wrong = ['hello', CODE.slice(1), `${CODE}x`, `https://${HERE}/c/${CODE}`, `https://${HERE}/j/${CODE}x`, `https://${HERE}/j/${CODE.slice(1)}`, `https://${HERE}/`, 'javascript:alert(1)'];
    for (const one of wrong) expect(read(one), one).toEqual({ problem: 'wrong' });
  });
});
