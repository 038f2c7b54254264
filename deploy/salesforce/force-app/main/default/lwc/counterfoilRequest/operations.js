// What each form asks for besides the payment; the words are those of Payment_Request__e.
import { LABELS } from './labels';

const NONE = { label: LABELS.reasonNone, value: '' };
const DUPLICATE = { label: LABELS.reasonDuplicate, value: 'duplicate' };
const FRAUDULENT = { label: LABELS.reasonFraudulent, value: 'fraudulent' };
const REQUESTED = { label: LABELS.reasonRequested, value: 'requested_by_customer' };
const ABANDONED = { label: LABELS.reasonAbandoned, value: 'abandoned' };

export const OPERATIONS = {
    create_payment: { hasMethod: true },
    capture_payment: { hasAmount: true },
    cancel_payment: { reasons: [NONE, REQUESTED, DUPLICATE, FRAUDULENT, ABANDONED] },
    refund_payment: { hasAmount: true, reasons: [NONE, REQUESTED, DUPLICATE, FRAUDULENT] }
};

export const METHODS = [
    { label: LABELS.methodHosted, value: 'hosted_checkout' },
    { label: LABELS.methodStored, value: 'off_session' }
];
