// What each form asks for besides the payment or invoice; the words are those of Payment_Request__e.
import { LABELS } from './labels';

const option = (label, value) => ({ label, value });
const NONE = option(LABELS.reasonNone, '');
const DUPLICATE = option(LABELS.reasonDuplicate, 'duplicate');
const FRAUDULENT = option(LABELS.reasonFraudulent, 'fraudulent');
const REQUESTED = option(LABELS.reasonRequested, 'requested_by_customer');
const ABANDONED = option(LABELS.reasonAbandoned, 'abandoned');
const ORDER_CHANGE = option(LABELS.reasonOrderChange, 'order_change');
const UNSATISFACTORY = option(LABELS.reasonUnsatisfactory, 'product_unsatisfactory');
const STORED = option(LABELS.methodStored, 'off_session');
const PAGE = option(LABELS.methodHosted, 'hosted_checkout');
const LINK = option(LABELS.methodLink, 'payment_link');

// The first option is the one that stands when the form opens.
const choice = (name, label, ...options) => ({ name, label, options });
const reasons = (...options) => choice('reason', LABELS.reason, NONE, ...options);

/**
 * For each operation: the choices; whether an amount, or days until it is due, can be entered; whether the amount can be
 * held; what to say where a further one has to be confirmed; what is said before it is sent.
 */
export const OPERATIONS = {
    create_payment: {
        choices: [choice('method', LABELS.method, PAGE, LINK, STORED)],
        canHold: true,
        further: LABELS.further
    },
    capture_payment: { hasAmount: true },
    cancel_payment: { choices: [reasons(REQUESTED, DUPLICATE, FRAUDULENT, ABANDONED)] },
    refund_payment: { hasAmount: true, choices: [reasons(REQUESTED, DUPLICATE, FRAUDULENT)] },
    create_invoice: {
        choices: [
            choice(
                'advanceTo',
                LABELS.advanceTo,
                option(LABELS.advanceConfigured, ''),
                option(LABELS.advanceSent, 'sent'),
                option(LABELS.advancePaid, 'paid'),
                option(LABELS.advanceOpen, 'open'),
                option(LABELS.advanceDraft, 'draft')
            )
        ],
        hasDays: true,
        further: LABELS.furtherInvoice
    },
    finalise_invoice: { note: LABELS.finaliseNote },
    send_invoice: { note: LABELS.sendNote },
    pay_invoice: {
        choices: [choice('method', LABELS.method, STORED, option(LABELS.methodElsewhere, 'out_of_band'))]
    },
    void_invoice: { note: LABELS.voidNote },
    mark_invoice_uncollectible: { note: LABELS.writeOffNote },
    credit_invoice: {
        hasAmount: true,
        choices: [
            reasons(DUPLICATE, FRAUDULENT, ORDER_CHANGE, UNSATISFACTORY),
            choice(
                'creditTo',
                LABELS.creditTo,
                option(LABELS.creditRefund, 'refund'),
                option(LABELS.creditBalance, 'balance'),
                option(LABELS.creditElsewhere, 'out_of_band')
            )
        ]
    },
    sync_customer: { note: LABELS.syncNote }
};
