import { describe, expect, it } from 'vitest';
import { parseSharedCredentials } from '../../../../src/adapters/s3/shared-credentials.ts';
import { Secret } from '../../../../src/model/secret.ts';

const parse = (text: string, profile = 'default') => parseSharedCredentials(new Secret(text), profile, '/etc/velero/cloud');

describe('parseSharedCredentials', () => {
  it('reads the profile asked for, comments, spaces and equal signs in values included', () => {
    const text =
      '# velero\n[default]\r\naws_access_key_id = AK\r\nAWS_SECRET_ACCESS_KEY=s3cr=t==\r\n; x=y\n[other]\naws_access_key_id=O\naws_secret_access_key=P\naws_session_token=T\n';
    expect(parse(text)).toEqual({ accessKeyId: 'AK', secretAccessKey: 's3cr=t==' });
    expect(parse(text, 'other')).toEqual({ accessKeyId: 'O', secretAccessKey: 'P', sessionToken: 'T' });
    expect(parse('[profile dr]\naws_access_key_id=O\naws_secret_access_key=P', 'dr').accessKeyId).toBe('O');
  });

  it.each(['', 'aws_access_key_id=AK\naws_secret_access_key=value-of-it', '[default]\naws_access_key_id=AK'])('refuses %j and shows no value', (text) => {
    expect(() => parse(text)).toThrow(/\/etc\/velero\/cloud has no \[default\]/);
    expect(() => parse(text)).not.toThrow(/value-of-it|AK/);
  });
});
