// Every text of the form, as custom labels, so that an administrator can translate them.
import amount from '@salesforce/label/c.Counterfoil_Amount';
import amountHelp from '@salesforce/label/c.Counterfoil_Amount_Help';
import amountInvalid from '@salesforce/label/c.Counterfoil_Amount_Invalid';
import amountOfRecord from '@salesforce/label/c.Counterfoil_Amount_Of_Record';
import close from '@salesforce/label/c.Counterfoil_Close';
import further from '@salesforce/label/c.Counterfoil_Further';
import hold from '@salesforce/label/c.Counterfoil_Hold';
import loading from '@salesforce/label/c.Counterfoil_Loading';
import method from '@salesforce/label/c.Counterfoil_Method';
import methodHosted from '@salesforce/label/c.Counterfoil_Method_Hosted';
import methodStored from '@salesforce/label/c.Counterfoil_Method_Stored';
import notDone from '@salesforce/label/c.Counterfoil_Not_Done';
import payment from '@salesforce/label/c.Counterfoil_Payment';
import paymentLink from '@salesforce/label/c.Counterfoil_Payment_Link';
import reason from '@salesforce/label/c.Counterfoil_Reason';
import reasonAbandoned from '@salesforce/label/c.Counterfoil_Reason_Abandoned';
import reasonDuplicate from '@salesforce/label/c.Counterfoil_Reason_Duplicate';
import reasonFraudulent from '@salesforce/label/c.Counterfoil_Reason_Fraudulent';
import reasonNone from '@salesforce/label/c.Counterfoil_Reason_None';
import reasonRequested from '@salesforce/label/c.Counterfoil_Reason_Requested';
import stillWaiting from '@salesforce/label/c.Counterfoil_Still_Waiting';
import succeeded from '@salesforce/label/c.Counterfoil_Succeeded';
import unexpected from '@salesforce/label/c.Counterfoil_Unexpected';
import waiting from '@salesforce/label/c.Counterfoil_Waiting';
import waitingForApproval from '@salesforce/label/c.Counterfoil_Waiting_For_Approval';
import cancelPayment from '@salesforce/label/c.Counterfoil_Cancel_Payment_Title';
import capturePayment from '@salesforce/label/c.Counterfoil_Capture_Payment_Title';
import refundPayment from '@salesforce/label/c.Counterfoil_Refund_Payment_Title';
import requestPayment from '@salesforce/label/c.Counterfoil_Request_Payment_Title';

export const LABELS = {
    amount,
    amountHelp,
    amountInvalid,
    amountOfRecord,
    close,
    further,
    hold,
    loading,
    method,
    methodHosted,
    methodStored,
    notDone,
    payment,
    paymentLink,
    reason,
    reasonAbandoned,
    reasonDuplicate,
    reasonFraudulent,
    reasonNone,
    reasonRequested,
    stillWaiting,
    succeeded,
    unexpected,
    waiting,
    waitingForApproval
};

/** What the button of each operation says, which is also the title of its dialog. */
export const TITLES = {
    create_payment: requestPayment,
    capture_payment: capturePayment,
    cancel_payment: cancelPayment,
    refund_payment: refundPayment
};

/** Returns a text with {0}, {1} and so on filled in. */
export function fill(text, ...values) {
    return values.reduce((filled, value, index) => filled.replace(`{${index}}`, value ?? ''), text);
}
