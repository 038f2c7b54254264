import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Refund_Payment_Title';

/** The quick action "Refund Payment": the form of refund_payment in a dialog. */
export default class CounterfoilRefundPayment extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
