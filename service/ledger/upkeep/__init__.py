"""What a keeper of the ledger does with whole studies: publish them anew, delete them."""
