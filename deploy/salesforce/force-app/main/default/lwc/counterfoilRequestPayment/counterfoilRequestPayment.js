import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Request_Payment_Title';

/** The quick action "Request Payment": the form of create_payment in a dialog. */
export default class CounterfoilRequestPayment extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
