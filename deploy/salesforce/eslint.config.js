const lwc = require('@salesforce/eslint-config-lwc');
const jest = require('eslint-plugin-jest');

const sources = ['force-app/**/lwc/**/*.js', 'jest-mocks/**/*.js'];
const tests = ['force-app/**/__tests__/**/*.js'];

module.exports = [
    ...lwc.configs.recommended.map((config) => ({ ...config, files: sources })),
    { ...jest.configs['flat/recommended'], files: tests }
];
