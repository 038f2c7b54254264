const { jestConfig } = require('@salesforce/sfdx-lwc-jest/config');

module.exports = {
    ...jestConfig,
    moduleNameMapper: { '^lightning/actions$': '<rootDir>/jest-mocks/lightning/actions' }
};
