impl super::context::Ctx {
    pub async fn admit_before_refusal(&self) -> Result<(), super::fault::Fault> {
        Ok(())
    }
}
