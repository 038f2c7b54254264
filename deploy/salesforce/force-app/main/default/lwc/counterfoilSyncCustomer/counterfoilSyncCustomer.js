import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Sync_Customer_Title';

/** The quick action "Sync Customer": the form of sync_customer in a dialog. */
export default class CounterfoilSyncCustomer extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
