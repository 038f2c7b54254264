// Every text of the forms, as custom labels, so that an administrator can translate them.
import advanceConfigured from '@salesforce/label/c.Counterfoil_Advance_Configured';
import advanceDraft from '@salesforce/label/c.Counterfoil_Advance_Draft';
import advanceOpen from '@salesforce/label/c.Counterfoil_Advance_Open';
import advancePaid from '@salesforce/label/c.Counterfoil_Advance_Paid';
import advanceSent from '@salesforce/label/c.Counterfoil_Advance_Sent';
import advanceTo from '@salesforce/label/c.Counterfoil_Advance_To';
import amount from '@salesforce/label/c.Counterfoil_Amount';
import amountHelp from '@salesforce/label/c.Counterfoil_Amount_Help';
import amountInvalid from '@salesforce/label/c.Counterfoil_Amount_Invalid';
import amountOfRecord from '@salesforce/label/c.Counterfoil_Amount_Of_Record';
import close from '@salesforce/label/c.Counterfoil_Close';
import creditBalance from '@salesforce/label/c.Counterfoil_Credit_Balance';
import creditElsewhere from '@salesforce/label/c.Counterfoil_Credit_Elsewhere';
import creditRefund from '@salesforce/label/c.Counterfoil_Credit_Refund';
import creditTo from '@salesforce/label/c.Counterfoil_Credit_To';
import daysHelp from '@salesforce/label/c.Counterfoil_Days_Help';
import daysUntilDue from '@salesforce/label/c.Counterfoil_Days_Until_Due';
import finaliseNote from '@salesforce/label/c.Counterfoil_Finalise_Note';
import further from '@salesforce/label/c.Counterfoil_Further';
import furtherInvoice from '@salesforce/label/c.Counterfoil_Further_Invoice';
import hold from '@salesforce/label/c.Counterfoil_Hold';
import invoice from '@salesforce/label/c.Counterfoil_Invoice';
import loading from '@salesforce/label/c.Counterfoil_Loading';
import method from '@salesforce/label/c.Counterfoil_Method';
import methodElsewhere from '@salesforce/label/c.Counterfoil_Method_Elsewhere';
import methodHosted from '@salesforce/label/c.Counterfoil_Method_Hosted';
import methodLink from '@salesforce/label/c.Counterfoil_Method_Link';
import methodStored from '@salesforce/label/c.Counterfoil_Method_Stored';
import notDone from '@salesforce/label/c.Counterfoil_Not_Done';
import payment from '@salesforce/label/c.Counterfoil_Payment';
import paymentLink from '@salesforce/label/c.Counterfoil_Payment_Link';
import reason from '@salesforce/label/c.Counterfoil_Reason';
import reasonAbandoned from '@salesforce/label/c.Counterfoil_Reason_Abandoned';
import reasonDuplicate from '@salesforce/label/c.Counterfoil_Reason_Duplicate';
import reasonFraudulent from '@salesforce/label/c.Counterfoil_Reason_Fraudulent';
import reasonNone from '@salesforce/label/c.Counterfoil_Reason_None';
import reasonOrderChange from '@salesforce/label/c.Counterfoil_Reason_Order_Change';
import reasonRequested from '@salesforce/label/c.Counterfoil_Reason_Requested';
import reasonUnsatisfactory from '@salesforce/label/c.Counterfoil_Reason_Unsatisfactory';
import sendNote from '@salesforce/label/c.Counterfoil_Send_Note';
import stillWaiting from '@salesforce/label/c.Counterfoil_Still_Waiting';
import succeeded from '@salesforce/label/c.Counterfoil_Succeeded';
import syncNote from '@salesforce/label/c.Counterfoil_Sync_Note';
import unexpected from '@salesforce/label/c.Counterfoil_Unexpected';
import voidNote from '@salesforce/label/c.Counterfoil_Void_Note';
import waiting from '@salesforce/label/c.Counterfoil_Waiting';
import waitingForApproval from '@salesforce/label/c.Counterfoil_Waiting_For_Approval';
import writeOffNote from '@salesforce/label/c.Counterfoil_Write_Off_Note';
import requestPayment from '@salesforce/label/c.Counterfoil_Request_Payment_Title';
import capturePayment from '@salesforce/label/c.Counterfoil_Capture_Payment_Title';
import cancelPayment from '@salesforce/label/c.Counterfoil_Cancel_Payment_Title';
import refundPayment from '@salesforce/label/c.Counterfoil_Refund_Payment_Title';
import createInvoice from '@salesforce/label/c.Counterfoil_Create_Invoice_Title';
import finaliseInvoice from '@salesforce/label/c.Counterfoil_Finalise_Invoice_Title';
import sendInvoice from '@salesforce/label/c.Counterfoil_Send_Invoice_Title';
import payInvoice from '@salesforce/label/c.Counterfoil_Pay_Invoice_Title';
import voidInvoice from '@salesforce/label/c.Counterfoil_Void_Invoice_Title';
import writeOffInvoice from '@salesforce/label/c.Counterfoil_Write_Off_Invoice_Title';
import creditInvoice from '@salesforce/label/c.Counterfoil_Credit_Invoice_Title';
import syncCustomer from '@salesforce/label/c.Counterfoil_Sync_Customer_Title';

export const LABELS = {
    advanceConfigured,
    advanceDraft,
    advanceOpen,
    advancePaid,
    advanceSent,
    advanceTo,
    amount,
    amountHelp,
    amountInvalid,
    amountOfRecord,
    close,
    creditBalance,
    creditElsewhere,
    creditRefund,
    creditTo,
    daysHelp,
    daysUntilDue,
    finaliseNote,
    further,
    furtherInvoice,
    hold,
    invoice,
    loading,
    method,
    methodElsewhere,
    methodHosted,
    methodLink,
    methodStored,
    notDone,
    payment,
    paymentLink,
    reason,
    reasonAbandoned,
    reasonDuplicate,
    reasonFraudulent,
    reasonNone,
    reasonOrderChange,
    reasonRequested,
    reasonUnsatisfactory,
    sendNote,
    stillWaiting,
    succeeded,
    syncNote,
    unexpected,
    voidNote,
    waiting,
    waitingForApproval,
    writeOffNote
};

/** What the button of each operation says, which is also the title of its dialog. */
export const TITLES = {
    create_payment: requestPayment,
    capture_payment: capturePayment,
    cancel_payment: cancelPayment,
    refund_payment: refundPayment,
    create_invoice: createInvoice,
    finalise_invoice: finaliseInvoice,
    send_invoice: sendInvoice,
    pay_invoice: payInvoice,
    void_invoice: voidInvoice,
    mark_invoice_uncollectible: writeOffInvoice,
    credit_invoice: creditInvoice,
    sync_customer: syncCustomer
};

/** Returns a text with {0}, {1} and so on filled in. */
export function fill(text, ...values) {
    return values.reduce((filled, value, index) => filled.replace(`{${index}}`, value ?? ''), text);
}
